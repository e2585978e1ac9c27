"""Signs of other renderers: raised and lowered letters, what was added, emoji by their names, links of programs. Pure.

Sources: markdown-it's plug-ins, which Hexo and Ghost load (`x^2^`, `H~2~O`, `++added++`); GitHub's names of emoji,
which Hugo, Jekyll and Hexo know. Only the names that authors use most are here; others stay as typed, and are named.
"""

import re

from newsletter.posts.importers.html.notes import Remark
from newsletter.posts.markdown.sanitise import SCHEMES

_RAISED = re.compile(r"(?<=[A-Za-z0-9)])\^(?P<words>[A-Za-z0-9+-]{1,8})\^")
_LOWERED = re.compile(r"(?<=[A-Za-z)])~(?P<words>\d{1,3}[+-]?|[A-Za-z]{1,3})~(?!~)")  # 5~6~7 is from and to
_ADDED = re.compile(r"(?<![+\w])\+\+(?=[^\s+])(?P<words>[^+\n]{1,200})(?<=\S)\+\+(?![+\w])")
_EMOJI = re.compile(r"(?<![A-Za-z0-9_:/]):(?P<name>[a-z+-][a-z0-9_+-]{0,30}):(?![A-Za-z0-9_:/])")
_LINK = re.compile(
    r"(?<![!\\])\[(?P<words>[^\[\]\n]{1,300})\]\(<?(?P<url>(?P<scheme>[a-z][a-z0-9+.-]{1,20}):[^\s()<>]{1,500})>?\)"
)
# GitHub's Markdown, which Hugo, Hexo and Docusaurus read, makes a link of it; not within one, or an address.
_WWW = re.compile(
    r"(?<![\w/.@:>\"'(\[<=-])(?P<address>www\.[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{2,63}){1,4}(?:/[A-Za-z0-9_~%/?#=&.-]{0,300})?"
    r"(?<![.?]))(?![^\[\]\n]{0,300}\])"
)
_TABLE = """
smile 😄 smiley 😃 grin 😁 joy 😂 laughing 😆 sweat_smile 😅 wink 😉 blush 😊 heart_eyes 😍
thinking 🤔 cry 😢 sob 😭 scream 😱 sunglasses 😎 heart ❤️ broken_heart 💔 sparkles ✨ star ⭐
star2 🌟 fire 🔥 boom 💥 tada 🎉 confetti_ball 🎊 gift 🎁 rocket 🚀 bulb 💡 zap ⚡ warning ⚠️
+1 👍 thumbsup 👍 -1 👎 thumbsdown 👎 clap 👏 pray 🙏 muscle 💪 wave 👋 point_right 👉
point_left 👈 point_up ☝️ point_down 👇 ok_hand 👌 raised_hands 🙌 white_check_mark ✅
heavy_check_mark ✔️ x ❌ exclamation ❗ question ❓ no_entry ⛔ memo 📝 pencil 📝 book 📖
books 📚 computer 💻 email 📧 link 🔗 lock 🔒 coffee ☕ beer 🍺 bug 🐛 cat 🐱 dog 🐶
earth_asia 🌏 construction 🚧 earth_africa 🌍 earth_americas 🌎 globe_with_meridians 🌐 moon 🌔 sunny ☀️
cloud ☁️ umbrella ☔ snowflake ❄️ rainbow 🌈 ocean 🌊 christmas_tree 🎄 jack_o_lantern 🎃 birthday 🎂
balloon 🎈 trophy 🏆 crown 👑 gem 💎 ring 💍 moneybag 💰 dollar 💵 credit_card 💳 chart_with_upwards_trend 📈
chart_with_downwards_trend 📉 bar_chart 📊 date 📅 calendar 📆 clipboard 📋 pushpin 📌 round_pushpin 📍
paperclip 📎 scissors ✂️ pencil2 ✏️ mag 🔍 mag_right 🔎 key 🔑 unlock 🔓 bell 🔔 no_bell 🔕 mega 📣
loudspeaker 📢 speech_balloon 💬 thought_balloon 💭 newspaper 📰 open_book 📖 bookmark 🔖 bookmark_tabs 📑
package 📦 mailbox 📫 inbox_tray 📥 outbox_tray 📤 envelope ✉️ incoming_envelope 📨 phone ☎️ iphone 📱
telephone_receiver 📞 camera 📷 video_camera 📹 movie_camera 🎥 tv 📺 headphones 🎧 microphone 🎤 musical_note 🎵
notes 🎶 guitar 🎸 art 🎨 clapper 🎬 game_die 🎲 video_game 🎮 soccer ⚽ basketball 🏀 runner 🏃 walking 🚶
car 🚗 taxi 🚕 bus 🚌 train 🚋 train2 🚆 bullettrain_side 🚄 airplane ✈️ ship 🚢 bike 🚲 house 🏠 office 🏢
hospital 🏥 school 🏫 bank 🏦 hotel 🏨 tokyo_tower 🗼 sunrise 🌅 mountain_fuji 🗻 tea 🍵 beers 🍻
wine_glass 🍷 cocktail 🍸 pizza 🍕 hamburger 🍔 ramen 🍜 rice 🍚 sushi 🍣 bread 🍞 cake 🍰 cookie 🍪
chocolate_bar 🍫 icecream 🍦 apple 🍎 banana 🍌 watermelon 🍉 grapes 🍇 strawberry 🍓 lemon 🍋 tomato 🍅
herb 🌿 four_leaf_clover 🍀 seedling 🌱 deciduous_tree 🌳 palm_tree 🌴 cactus 🌵 rose 🌹 tulip 🌷
sunflower 🌻 cherry_blossom 🌸 hibiscus 🌺 bouquet 💐 maple_leaf 🍁 mushroom 🍄 monkey 🐒 see_no_evil 🙈
hear_no_evil 🙉 speak_no_evil 🙊 panda_face 🐼 bear 🐻 koala 🐨 tiger 🐯 lion 🦁 fox_face 🦊 frog 🐸
rabbit 🐰 mouse 🐭 hamster 🐹 pig 🐷 cow 🐮 horse 🐴 unicorn 🦄 chicken 🐔 penguin 🐧 bird 🐦 turtle 🐢
snake 🐍 dragon 🐉 fish 🐟 whale 🐳 dolphin 🐬 octopus 🐙 snail 🐌 bee 🐝 ant 🐜 paw_prints 🐾
baby 👶 boy 👦 girl 👧 man 👨 woman 👩 family 👪 couple 👫 cop 👮 angel 👼 santa 🎅 ghost 👻 alien 👽
robot 🤖 skull 💀 hankey 💩 poop 💩 shit 💩 smiley_cat 😺 smile_cat 😸 joy_cat 😹 eyes 👀 ear 👂 nose 👃
lips 👄 kiss 💋 tongue 👅 fist ✊ facepunch 👊 punch 👊 v ✌️ hand ✋ raised_hand ✋ open_hands 👐 metal 🤘
vulcan_salute 🖖 handshake 🤝 crossed_fingers 🤞 writing_hand ✍️ bow 🙇 no_good 🙅 ok_woman 🙆 shrug 🤷
facepalm 🤦 raising_hand 🙋 person_frowning 🙍 massage 💆 haircut 💇 dancer 💃 nail_care 💅
slightly_smiling_face 🙂 upside_down_face 🙃 relaxed ☺️ satisfied 😆 rofl 🤣 yum 😋 stuck_out_tongue 😛
stuck_out_tongue_winking_eye 😜 stuck_out_tongue_closed_eyes 😝 kissing 😗 kissing_heart 😘 smirk 😏
neutral_face 😐 expressionless 😑 no_mouth 😶 unamused 😒 roll_eyes 🙄 grimacing 😬 relieved 😌 pensive 😔
sleepy 😪 sleeping 😴 mask 😷 sweat 😓 cold_sweat 😰 disappointed 😞 disappointed_relieved 😥 worried 😟
confused 😕 frowning 😦 anguished 😧 fearful 😨 weary 😩 tired_face 😫 confounded 😖 persevere 😣 triumph 😤
angry 😠 rage 😡 astonished 😲 flushed 😳 open_mouth 😮 hushed 😯 dizzy_face 😵 innocent 😇 smiling_imp 😈
imp 👿 nerd_face 🤓 hugs 🤗 money_mouth_face 🤑 zipper_mouth_face 🤐 star_struck 🤩 partying_face 🥳
pleading_face 🥺 exploding_head 🤯 zzz 💤 dash 💨 sweat_drops 💦 dizzy 💫 collision 💥 anger 💢 100 💯
yellow_heart 💛 green_heart 💚 blue_heart 💙 purple_heart 💜 black_heart 🖤 orange_heart 🧡 two_hearts 💕
sparkling_heart 💖 heartbeat 💓 heartpulse 💗 cupid 💘 love_letter 💌 white_heart 🤍 heart_eyes_cat 😻
heavy_plus_sign ➕ heavy_minus_sign ➖ heavy_multiplication_x ✖️ heavy_exclamation_mark ❗ grey_exclamation ❕
grey_question ❔ bangbang ‼️ interrobang ⁉️ negative_squared_cross_mark ❎ ballot_box_with_check ☑️ o ⭕
no_entry_sign 🚫 stop_sign 🛑 rotating_light 🚨 vertical_traffic_light 🚦 white_circle ⚪ black_circle ⚫
red_circle 🔴 large_blue_circle 🔵 small_red_triangle 🔺 arrow_right ➡️ arrow_left ⬅️ arrow_up ⬆️ arrow_down ⬇️
arrow_upper_right ↗️ leftwards_arrow_with_hook ↩️ arrow_forward ▶️ fast_forward ⏩ rewind ⏪
arrows_counterclockwise 🔄 repeat 🔁 recycle ♻️ new 🆕 free 🆓 up 🆙 cool 🆒 ok 🆗 sos 🆘 top 🔝 soon 🔜 end 🔚
back 🔙 on 🔛 copyright ©️ registered ®️ tm ™️ information_source ℹ️ one 1️⃣ two 2️⃣ three 3️⃣ four 4️⃣ five 5️⃣
six 6️⃣ seven 7️⃣ eight 8️⃣ nine 9️⃣ zero 0️⃣ keycap_ten 🔟 hash #️⃣ hourglass ⌛ hourglass_flowing_sand ⏳
watch ⌚ alarm_clock ⏰ stopwatch ⏱️ battery 🔋 electric_plug 🔌 bulb 💡 flashlight 🔦 wrench 🔧 hammer 🔨
nut_and_bolt 🔩 gear ⚙️ hammer_and_wrench 🛠️ toolbox 🧰 shield 🛡️ bomb 💣 gun 🔫 hocho 🔪 pill 💊 syringe 💉
microscope 🔬 telescope 🔭 satellite 📡 floppy_disk 💾 cd 💿 dvd 📀 desktop_computer 🖥️ keyboard ⌨️ printer 🖨️
file_folder 📁 open_file_folder 📂 page_facing_up 📄 page_with_curl 📃 card_index 📇 wastebasket 🗑️ label 🏷️
triangular_flag_on_post 🚩 checkered_flag 🏁 cn 🇨🇳 taiwan 🇹🇼 jp 🇯🇵 us 🇺🇸 uk 🇬🇧 gb 🇬🇧 kr 🇰🇷 hong_kong 🇭🇰
"""
_NAMES = _TABLE.split()
EMOJI = dict(zip(_NAMES[::2], _NAMES[1::2], strict=True))


def plain(text: str, remarks: list[Remark]) -> str:
    """Return the text with these signs as Markdown."""
    text = _RAISED.sub(r"<sup>\g<words></sup>", text) if "^" in text else text
    text = _LOWERED.sub(r"<sub>\g<words></sub>", text) if "~" in text else text
    text = _ADDED.sub(r"<ins>\g<words></ins>", text) if "++" in text else text
    text = _EMOJI.sub(lambda found: _emoji(found, remarks), text) if ":" in text else text
    text = _WWW.sub(r"[\g<address>](http://\g<address>)", text) if "www." in text else text
    return _LINK.sub(lambda found: _linked(found, remarks), text) if "](" in text else text


def _emoji(found: re.Match[str], remarks: list[Remark]) -> str:
    if found["name"] in EMOJI:
        return EMOJI[found["name"]]
    remark = Remark("the name of an emoji stays as it was typed", found[0])
    remarks += [] if remark in remarks else [remark]
    return found[0]


def _linked(found: re.Match[str], remarks: list[Remark]) -> str:
    """No page here leads out of the web: a link into a program is its words."""
    if found["scheme"] in SCHEMES:
        return found[0]
    remarks.append(Remark("a link that opens a program is words", found["url"][:200]))
    return found["words"]
