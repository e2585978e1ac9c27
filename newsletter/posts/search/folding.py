"""Text folding, tokenizing and query parsing of the search. No database."""

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from newsletter.mail.characters import nfc
from newsletter.posts.text.measures import BOPOMOFO, HAN, KANA

# fmt: off
SIMPLIFIED: Final = (
    "皑蔼碍爱袄奥坝罢摆败颁办绊帮绑镑谤剥饱宝报鲍辈贝钡狈备惫绷笔毕毙币闭边编贬变辩辫标鳖瘪濒滨宾摈饼拨钵铂驳补财参"
    "残惭惨灿苍舱仓沧厕侧测层诧搀掺蝉馋谗缠铲产阐颤场尝长偿肠厂畅钞车彻尘陈衬撑称惩诚骋迟驰耻齿炽冲宠畴踌筹绸橱厨锄"
    "雏础储触处传疮闯创锤纯绰辞词赐聪葱囱从丛凑蹿窜错达带贷担单郸掸胆惮诞弹当挡党荡档捣岛祷导盗灯邓敌涤递缔颠点垫电"
    "钓调谍叠钉顶锭订丢东动栋冻犊独读赌镀锻断缎兑队对吨顿钝夺堕鹅额讹恶饿尔饵贰发罚阀珐矾钒烦贩饭访纺飞诽废费纷坟奋"
    "愤粪枫锋风疯冯缝讽凤肤辐抚辅赋复负讣妇缚该钙盖赶秆赣冈刚钢纲岗镐搁鸽阁铬个给龚宫巩贡钩沟构购够蛊顾剐关观馆惯贯"
    "广规归龟闺轨诡柜贵刽辊滚锅国过骇韩汉号阂鹤贺横轰鸿红壶护沪哗华画话怀欢环还缓换唤痪焕涣谎挥辉毁贿秽会烩汇讳诲绘"
    "荤浑获货祸击机积饥迹讥鸡绩缉极辑级挤蓟剂济计记际继纪夹荚颊贾钾价驾歼监坚笺间艰缄检碱拣捡简俭减槛鉴践贱见键舰剑"
    "饯渐溅涧将浆蒋桨奖讲酱胶浇骄娇搅铰矫侥饺缴绞轿较阶节洁结诫届紧锦仅谨进晋烬尽劲荆茎鲸惊经颈静镜径痉竞净纠厩旧驹"
    "举据锯惧剧鹃绢觉决诀绝钧军骏开凯颗壳课垦恳抠库裤块侩宽矿旷况亏岿窥馈溃扩阔莱来赖蓝栏拦篮阑兰澜谰揽览懒缆烂滥捞"
    "劳涝乐镭垒类泪篱离鲤礼丽厉励砾历沥隶俩联莲连镰怜涟敛脸链恋炼练粮两辆谅疗辽镣猎临邻鳞凛赁龄铃灵领馏刘龙聋咙笼垄"
    "拢陇楼娄搂篓芦卢颅庐炉掳卤虏鲁赂禄录陆驴吕铝侣屡缕虑滤绿峦挛孪滦乱抡轮伦仑沦纶论萝罗逻锣箩骡骆络妈玛码蚂马骂吗"
    "买麦卖迈脉瞒馒蛮满谩猫锚铆贸没镁门闷们锰梦谜弥觅幂绵缅庙灭悯闽鸣铭谬谋亩呐钠纳难挠脑恼闹馁拟腻撵酿鸟聂啮镊镍柠"
    "狞宁拧钮纽脓浓农疟诺欧鸥殴呕沤盘庞抛赔喷鹏骗飘频贫苹凭评泼颇铺谱脐齐骑岂启气弃讫牵铅迁签谦钱钳潜浅谴堑枪呛墙蔷"
    "抢锹桥乔侨翘窍窃钦亲寝轻氢倾顷请庆琼穷趋区躯驱龋颧权劝鹊确让饶扰绕热韧认纫荣绒软锐闰润洒萨鳃赛伞丧骚扫涩杀刹纱"
    "筛删闪陕赡缮伤赏烧绍赊摄慑设绅审婶肾渗声绳胜圣师狮湿诗时蚀实识驶势适释饰视试寿兽枢输书赎属术树竖数帅双谁税顺说"
    "硕烁丝饲耸怂颂讼诵擞苏诉肃虽随绥岁孙损笋缩琐锁獭挞态摊贪瘫滩坛谭谈叹汤烫涛绦讨腾誊锑题体屉条贴铁厅烃铜统头秃图"
    "涂团颓蜕脱鸵驮驼椭袜弯湾顽万网韦违围为潍维苇伟伪纬谓卫闻纹稳问挝蜗涡窝卧呜钨乌诬无芜吴坞雾务误锡牺袭习铣戏细虾"
    "辖峡侠狭厦吓鲜纤贤衔闲显险现献县馅宪线厢镶乡详响项萧嚣销晓啸协挟携胁谐写泻谢锌衅兴汹锈绣虚嘘须许叙绪续轩悬选癣"
    "绚学勋询寻驯训讯逊压鸦鸭哑亚讶阉烟盐严颜阎艳厌砚彦谚验鸯杨扬疡阳养样瑶摇尧遥窑谣药爷页业叶医铱颐遗仪蚁艺亿忆义"
    "诣议谊译异绎荫阴银饮隐樱婴鹰应缨莹萤营荧蝇赢颖哟拥痈咏优忧邮铀犹诱舆鱼渔娱与屿语狱誉预驭鸳渊辕园员圆缘远约跃钥"
    "粤悦阅郧匀陨运蕴酝晕韵杂灾载攒暂赞赃脏凿枣责择则泽贼赠轧铡闸栅诈斋债毡盏斩辗崭栈战绽张涨帐账胀赵蛰辙锗这贞针侦"
    "诊镇阵挣睁狰争帧郑证织职执纸挚掷帜质滞钟终种肿众诌轴皱昼骤猪诸诛烛瞩嘱贮铸驻专砖转赚桩庄装妆壮状锥赘坠缀谆浊兹"
    "资渍踪综总纵邹诅组钻"
)
TRADITIONAL: Final = (
    "皚藹礙愛襖奧壩罷擺敗頒辦絆幫綁鎊謗剝飽寶報鮑輩貝鋇狽備憊繃筆畢斃幣閉邊編貶變辯辮標鱉癟瀕濱賓擯餅撥缽鉑駁補財參"
    "殘慚慘燦蒼艙倉滄廁側測層詫攙摻蟬饞讒纏鏟產闡顫場嘗長償腸廠暢鈔車徹塵陳襯撐稱懲誠騁遲馳恥齒熾衝寵疇躊籌綢櫥廚鋤"
    "雛礎儲觸處傳瘡闖創錘純綽辭詞賜聰蔥囪從叢湊躥竄錯達帶貸擔單鄲撣膽憚誕彈當擋黨蕩檔搗島禱導盜燈鄧敵滌遞締顛點墊電"
    "釣調諜疊釘頂錠訂丟東動棟凍犢獨讀賭鍍鍛斷緞兌隊對噸頓鈍奪墮鵝額訛惡餓爾餌貳發罰閥琺礬釩煩販飯訪紡飛誹廢費紛墳奮"
    "憤糞楓鋒風瘋馮縫諷鳳膚輻撫輔賦復負訃婦縛該鈣蓋趕稈贛岡剛鋼綱崗鎬擱鴿閣鉻個給龔宮鞏貢鉤溝構購夠蠱顧剮關觀館慣貫"
    "廣規歸龜閨軌詭櫃貴劊輥滾鍋國過駭韓漢號閡鶴賀橫轟鴻紅壺護滬譁華畫話懷歡環還緩換喚瘓煥渙謊揮輝毀賄穢會燴匯諱誨繪"
    "葷渾獲貨禍擊機積飢跡譏雞績緝極輯級擠薊劑濟計記際繼紀夾莢頰賈鉀價駕殲監堅箋間艱緘檢鹼揀撿簡儉減檻鑑踐賤見鍵艦劍"
    "餞漸濺澗將漿蔣槳獎講醬膠澆驕嬌攪鉸矯僥餃繳絞轎較階節潔結誡屆緊錦僅謹進晉燼盡勁荊莖鯨驚經頸靜鏡徑痙競淨糾廄舊駒"
    "舉據鋸懼劇鵑絹覺決訣絕鈞軍駿開凱顆殼課墾懇摳庫褲塊儈寬礦曠況虧巋窺饋潰擴闊萊來賴藍欄攔籃闌蘭瀾讕攬覽懶纜爛濫撈"
    "勞澇樂鐳壘類淚籬離鯉禮麗厲勵礫歷瀝隸倆聯蓮連鐮憐漣斂臉鏈戀煉練糧兩輛諒療遼鐐獵臨鄰鱗凜賃齡鈴靈領餾劉龍聾嚨籠壟"
    "攏隴樓婁摟簍蘆盧顱廬爐擄滷虜魯賂祿錄陸驢呂鋁侶屢縷慮濾綠巒攣孿灤亂掄輪倫侖淪綸論蘿羅邏鑼籮騾駱絡媽瑪碼螞馬罵嗎"
    "買麥賣邁脈瞞饅蠻滿謾貓錨鉚貿沒鎂門悶們錳夢謎彌覓冪綿緬廟滅憫閩鳴銘謬謀畝吶鈉納難撓腦惱鬧餒擬膩攆釀鳥聶齧鑷鎳檸"
    "獰寧擰鈕紐膿濃農瘧諾歐鷗毆嘔漚盤龐拋賠噴鵬騙飄頻貧蘋憑評潑頗鋪譜臍齊騎豈啟氣棄訖牽鉛遷籤謙錢鉗潛淺譴塹槍嗆牆薔"
    "搶鍬橋喬僑翹竅竊欽親寢輕氫傾頃請慶瓊窮趨區軀驅齲顴權勸鵲確讓饒擾繞熱韌認紉榮絨軟銳閏潤灑薩鰓賽傘喪騷掃澀殺剎紗"
    "篩刪閃陝贍繕傷賞燒紹賒攝懾設紳審嬸腎滲聲繩勝聖師獅溼詩時蝕實識駛勢適釋飾視試壽獸樞輸書贖屬術樹豎數帥雙誰稅順說"
    "碩爍絲飼聳慫頌訟誦擻蘇訴肅雖隨綏歲孫損筍縮瑣鎖獺撻態攤貪癱灘壇譚談嘆湯燙濤絛討騰謄銻題體屜條貼鐵廳烴銅統頭禿圖"
    "塗團頹蛻脫鴕馱駝橢襪彎灣頑萬網韋違圍為濰維葦偉偽緯謂衛聞紋穩問撾蝸渦窩臥嗚鎢烏誣無蕪吳塢霧務誤錫犧襲習銑戲細蝦"
    "轄峽俠狹廈嚇鮮纖賢銜閒顯險現獻縣餡憲線廂鑲鄉詳響項蕭囂銷曉嘯協挾攜脅諧寫瀉謝鋅釁興洶鏽繡虛噓須許敘緒續軒懸選癬"
    "絢學勳詢尋馴訓訊遜壓鴉鴨啞亞訝閹煙鹽嚴顏閻豔厭硯彥諺驗鴦楊揚瘍陽養樣瑤搖堯遙窯謠藥爺頁業葉醫銥頤遺儀蟻藝億憶義"
    "詣議誼譯異繹蔭陰銀飲隱櫻嬰鷹應纓瑩螢營熒蠅贏穎喲擁癰詠優憂郵鈾猶誘輿魚漁娛與嶼語獄譽預馭鴛淵轅園員圓緣遠約躍鑰"
    "粵悅閱鄖勻隕運蘊醞暈韻雜災載攢暫贊贓髒鑿棗責擇則澤賊贈軋鍘閘柵詐齋債氈盞斬輾嶄棧戰綻張漲帳賬脹趙蟄轍鍺這貞針偵"
    "診鎮陣掙睜猙爭幀鄭證織職執紙摯擲幟質滯鍾終種腫眾謅軸皺晝驟豬諸誅燭矚囑貯鑄駐專磚轉賺樁莊裝妝壯狀錐贅墜綴諄濁茲"
    "資漬蹤綜總縱鄒詛組鑽"
)
# fmt: on


CJK: Final = f"{HAN}{KANA}{BOPOMOFO}\uac00-\ud7af"
LATIN: Final = f"[^\\W_{CJK}]"
JOINTS: Final = ".\\-/&+_"
# A dot starts a name, as .NET, unless it ends a word or belongs to an ellipsis.
RUN: Final = re.compile(
    rf"[{CJK}]+|(?:(?<!{LATIN})(?<!\.)\.(?=[^\W\d_{CJK}]))?{LATIN}+(?:[{JOINTS}]{LATIN}+)*(?:\+\+|[+#])?"
)
PARTS: Final = re.compile(rf"{LATIN}+")
JOINED: Final = re.compile(rf"[{JOINTS}]?{LATIN}+(?:(?:\+\+|[+#])\Z)?")  # a part with the joint before it
IS_CJK: Final = re.compile(f"[{CJK}]")
# Spaces between Han and Latin are optional, and double ones count as one. Starts with the space for speed.
NEEDLESS: Final = re.compile(rf" (?:(?<=[{CJK}] ) *(?={LATIN})|(?<={LATIN} ) *(?=[{CJK}])|(?<=  ) *)")
PHRASE: Final = re.compile(r"[\"“”「『](?P<phrase>[^\"“”」』]+)[\"“”」』]|(?P<word>[^\s\"“”「」『』]+)")
NGRAM_SIZES: Final = (1, 2, 3)  # Han characters; nearly every word is no longer
PARTS_MAX: Final = 3  # adjacent parts of a joined word that are indexed together: A/B of A/B/C, C++ of C/C++
TOKEN_MAX: Final = 64  # characters; PostgreSQL takes no lexeme longer than 2 KB
PREFIX_MIN: Final = 4  # letters from which a Latin word matches as a prefix: `deep` finds DeepSeek, `ai` not aim
TERMS_MAX: Final = 10
QUERY_MAX: Final = 200  # characters; PHRASE backtracks over open quotes

# Variants of a character that Taiwanese readers treat as the same, or type with another input method.
VARIANTS: Final = dict(
    zip(
        "臺裏爲峯羣着綫麪牀喫啓衆汚汙恆佔佈劃姊舖説户内温歎鷄顔黄産録敎値册别脚却擡墻祕糉鈎滙硏强緖靑甯鑒週凉粧証"
        + SIMPLIFIED,
        "台裡為峰群著線麵床吃啟眾污污恒占布畫姐鋪說戶內溫嘆雞顏黃產錄教值冊別腳卻抬牆秘粽鉤匯研強緒青寧鑑周涼妝證"
        + TRADITIONAL,
        strict=True,
    )
)


class _Folding(dict[int, str]):
    """Lazy table for str.translate. uneven: characters seen so far that fold to none or several."""

    def __init__(self) -> None:
        super().__init__()
        self.uneven: set[str] = set()

    def __missing__(self, code: int) -> str:
        character = chr(code)
        if character in "'’":
            folded = ""
        elif character.isspace() and character != "\n":
            folded = " "
        else:
            folded = unicodedata.normalize("NFKC", character).casefold()
            folded = "".join(VARIANTS.get(c, c) for c in folded)
        self[code] = folded
        if len(folded) != 1:
            self.uneven.add(character)
        return folded


FOLDING: Final = _Folding()


def fold(text: str) -> str:
    return NEEDLESS.sub("", nfc(text).translate(FOLDING))


def tokenize(folded: str, sizes: tuple[int, ...] = NGRAM_SIZES) -> Iterator[str]:
    for match in RUN.finditer(folded):
        run = match[0]
        if IS_CJK.match(run):
            yield from (run[i : i + size] for size in sizes for i in range(len(run) - size + 1))
            continue
        yield run[:TOKEN_MAX]
        if not run.isalnum():
            yield from (part[:TOKEN_MAX] for part in _parts(run) if part != run)


def _parts(run: str) -> Iterator[str]:
    """Yield the further tokens of a joined word: its parts, and up to PARTS_MAX adjacent ones.

    Not single letters: C does not match C#. `.net` matches `asp.net`.
    """
    parts = JOINED.findall(run)
    for start, first in enumerate(parts):
        bare = first.lstrip(".-/&+_")
        if PARTS.fullmatch(bare) is None or len(bare) > 1 or bare.isdigit():
            yield bare
        if first.startswith(".") and bare.isalpha():
            yield first
        ends = range(start + 2, min(start + PARTS_MAX, len(parts)) + 1)
        yield from (bare + "".join(parts[start + 1 : end]) for end in ends)


@dataclass(frozen=True)
class QueryTerm:
    """A word or phrase of a query, as tokens of the index."""

    text: str
    whole: tuple[str, ...]
    prefixes: tuple[str, ...]

    @property
    def needs_text_check(self) -> bool:
        """The index does not prove that several tokens are adjacent."""
        return len(self.whole) + len(self.prefixes) > 1

    @property
    def pattern(self) -> str:
        left = rf"(?<!{LATIN})" if re.match(LATIN, self.text) else ""
        right = rf"(?!{LATIN})" if re.search(rf"(?:{LATIN}|[+#])$", self.text) and not self.prefixes else ""
        return f"{left}{re.escape(self.text)}{right}"


def parse_query(query: str) -> list[QueryTerm]:
    read = (_term(match["phrase"] or match["word"]) for match in PHRASE.finditer(query[:QUERY_MAX]))
    return list(dict.fromkeys(term for term in read if term))[:TERMS_MAX]


def _term(word: str) -> QueryTerm | None:
    text = fold(word).strip()
    runs = [match[0] for match in RUN.finditer(text)]
    if not runs:
        return None
    text = text[text.index(runs[0]) : text.rindex(runs[-1]) + len(runs[-1])]  # without punctuation around it
    whole: list[str] = []
    prefixes: list[str] = []
    for run in runs:
        if IS_CJK.match(run):
            size = min(len(run), NGRAM_SIZES[-1])
            whole += [run[i : i + size] for i in range(len(run) - size + 1)]
        elif len(runs) == 1 and run.isalpha() and len(run) >= PREFIX_MIN:
            prefixes.append(run[:TOKEN_MAX])
        else:
            whole += _query_tokens(run)
    return QueryTerm(text, tuple(dict.fromkeys(whole)), tuple(dict.fromkeys(prefixes)))


def _query_tokens(run: str) -> list[str]:
    parts = JOINED.findall(run)
    pieces = ["".join(parts[start : start + PARTS_MAX]) for start in range(len(parts) - PARTS_MAX + 1)] or [run]
    return [(piece if start == 0 else piece[1:])[:TOKEN_MAX] for start, piece in enumerate(pieces)]


@lru_cache(maxsize=64)
def hit_pattern(wanted: tuple[QueryTerm, ...]) -> re.Pattern[str]:
    """A pattern of any of the terms, longest first; each in a group, numbered in that order."""
    longest_first = sorted(wanted, key=lambda term: -len(term.text))
    return re.compile("|".join(f"({term.pattern})" for term in longest_first) or "(?!)")


class FoldedText:
    """A folded text that maps positions back to the original."""

    def __init__(self, original: str) -> None:
        self.original = nfc(original)
        wide = self.original.translate(FOLDING)
        self.origins = None if FOLDING.uneven.isdisjoint(self.original) else _origins(self.original)
        self.cuts: list[int] = []  # folded positions where needless spaces were removed; `shifts` counts them
        self.shifts = [0]
        for match in NEEDLESS.finditer(wide):
            self.cuts.append(match.start() - self.shifts[-1])
            self.shifts.append(self.shifts[-1] + len(match[0]))
        self.text = NEEDLESS.sub("", wide) if self.cuts else wide

    def origin(self, position: int) -> int:
        wide = position + self.shifts[bisect_right(self.cuts, position)]
        return self.origins[wide] if self.origins else wide

    def spans(self, wanted: list[QueryTerm]) -> list[tuple[int, int, int]]:
        """(start, end, group of `hit_pattern`) of each hit in the original, in order, not overlapping."""
        found = (match for match in hit_pattern(tuple(wanted)).finditer(self.text) if match[0])
        return [(self.origin(m.start()), self.origin(m.end() - 1) + 1, m.lastindex or 0) for m in found]


def _origins(text: str) -> list[int]:
    return [index for index, character in enumerate(text) for _part in FOLDING[ord(character)]]
