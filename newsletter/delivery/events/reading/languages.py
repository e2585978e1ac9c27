"""What servers say in other languages than English, by the language: tables, joined into words.py's. Pure.

Most servers speak English whatever their reader does. Microsoft and Google write to each sender in theirs, and so do
old servers of one country.
"""

FULL = {
    "zh": r"(?:[邮郵信]箱|收件[箱匣]|空間|空间|容量|儲存|存储).{0,6}(?:[满滿]|不足|用完|超)|容量已[满滿]",
    "ja": r"一杯|いっぱい|満杯|容量(?:を?超|オーバー|不足)",
    "ko": r"용량.{0,6}초과|가득",
    "de": r"speicher(?:volumen|platz|limit).{0,40}(?:(?:ü|ue?)berschritten|erschöpft|voll)|postfach.{0,30}\bvoll\b",
    "fr": r"bo[iî]te .{0,40}(?:pleine|satur)|quota .{0,20}dépassé",
    "es": r"(?:casilla|buz[oó]n|bandeja) .{0,40}llen[oa]",
    "it": r"(?:casella|mailbox) .{0,40}pien[ao]",
    "pt": r"caixa .{0,40}cheia",
    "pl": r"skrzynka .{0,40}(?:pe[łl]na|przepe[łl]niona)",
    "ru": r"ящик .{0,30}(?:переполнен|заполнен)",
    "nl": r"(?:postvak|mailbox|postbus) .{0,30}\bvol\b",
    "sv": r"(?:postlåda|brevlåda)n? .{0,30}\bfull\b",
    "da": r"post(?:kasse|boks)(?:en)? .{0,30}\bful[dl]\b",
    "cs": r"schránka .{0,30}(?:pln[áa]|přeplněn)",
}
# What may be otherwise tomorrow, of a mailbox.
NOT_NOW = {
    "zh": r"(?:暂时|暫時)(?:不可用|不能|无法|無法|停用)",
    "ja": r"(?:メール(?:ボックス|アドレス)|アカウント|ユーザー?).{0,20}一時的",
    "de": r"(?:postfach|konto|empfänger|mailbox).{0,40}vorübergehend",
    "fr": r"(?:bo[iî]te|compte|adresse|destinataire).{0,40}temporairement",
    "es": r"(?:buz[oó]n|cuenta|casilla|destinatario).{0,40}temporalmente",
    "it": r"(?:casella|account|destinatario).{0,40}temporaneamente",
    "pt": r"(?:caixa|conta|destinat[áa]rio).{0,40}temporariamente",
    "ru": r"(?:ящик|адрес|аккаунт|получател).{0,40}временно",
}
NO_SUCH_ADDRESS = {
    "zh": r"(?:用[户戶]|收件[人者]|[邮郵]箱|信箱|地址|帳號|账号|使用者).{0,6}(?:不存在|未找到|找不到)"
    r"|(?:找不到|[查无無没沒]有?此?個?此)(?:電子郵件|电子邮件)?(?:人|帳號|帐号|账号|使用者|收件[人者]|用[户戶]|信箱|[邮郵]箱|地址)"
    r"|找不到您?[输輸]入的",
    "ja": r"(?:見つか(?:り|らな|りませんで)|見当たり|存在し|リストにあり|ござい)(?:ません|い|した)|宛先(?:不明|が見つ)",
    "ko": r"존재하지 않|없는 (?:사용자|계정)|찾을 수 없",
    "de": r"adressat unbekannt|unbekannte?r? (?:empfänger|adresse|benutzer)"
    r"|(?:empfänger|adresse|benutzer|postfach).{0,30}"
    r"(?:unbekannt|nicht (?:bekannt|gefunden|vorhanden)|existiert nicht)",
    "fr": r"(?<!erreur )inconnu|n'existe pas|destinataire invalide"
    r"|adresse.{0,40}(?:n'a pas (?:été |pu être )?trouv|introuvable)|pas trouv.{0,10}adresse",
    "es": r"(?<!error )\bdesconocid|destinatari[oa] (?:errat|inexist)|no existe|cuenta no activa"
    r"|no se (?:ha )?enc(?:ontr|uentr).{0,30}(?:direcci|usuario|destinatari|buz)|direcci.{0,40}no se enc(?:ontr|uentr)",
    "it": r"(?<!errore )\bsconosciut|nessun utente|inesistente|(?:indirizzo|utente|casella|destinatario).{0,30}"
    r"non (?:è stat[oa] )?(?:trovat|esist)|impossibile trovare.{0,20}(?:indirizzo|utente|destinatario)",
    "pt": r"(?<!erro )desconhecid|n[ãa]o existe"
    r"|(?:endere[çc]o|usu[áa]rio|destinat[áa]rio).{0,30}n[ãa]o (?:foi )?encontrad",
    "pl": r"nie istnieje|nie ma takiego"
    r"|(?:adres|u[żz]ytkownik|odbiorc|skrzynk).{0,30}nie (?:zosta[łl][ao]? )?znalezion"
    r"|nie można (?:od)?naleźć .{0,30}(?:adres|użytkownik|odbiorc)",
    "ru": r"не существует|не найден|не удалось найти адрес",
    "nl": r"(?:gebruiker|adres|ontvanger).{0,20}(?:onbekend|bestaat niet|niet gevonden)"
    r"|(?:gebruiker|adres|ontvanger).{0,40}niet worden gevonden",
    "sv": r"(?:adress|mottagar|användar).{0,30}(?:hittades inte|finns inte|kunde inte hittas|okänd)",
    "da": r"(?:adresse|modtager|bruger|mottaker|bruker).{0,30}"
    r"(?:ikke f[ui]nd|ikke funnet|findes ikke|finnes ikke|uk[je]+n[dt])",
    "cs": r"(?:adresa|uživatel|příjemce|schránka).{0,30}(?:neexistuje|nebyla? nalezen)|adresu nelze najít",
    "fi": r"osoitetta ei (?:löyt|ole)|(?:vastaanottaja|käyttäjä).{0,30}ei (?:löyt|ole olemassa)",
    "et": r"aadressi ei leitud|(?:saaja|adressaat|kasutaja).{0,30}ei (?:leitud|eksisteeri)",
    "tr": r"(?:adres|kullanıcı|alıcı).{0,30}(?:bulunamadı|mevcut değil)",
    "vi": r"(?:địa chỉ|người nhận).{0,30}không (?:tồn tại|tìm thấy)|không tìm thấy (?:địa chỉ|người nhận)",
    "id": r"alamat.{0,20}tidak (?:ditemukan|ada)",
}
# Who is refused is the sender.
OF_THE_SENDER = {
    "zh": r"[寄发發]件[者人].{0,12}(?:拒|[無无]效|不正|[黑封])",
    "ja": r"(?:送信者|差出人).{0,12}(?:拒|無効|不明|不正|ブロック)",
    "de": r"absender.{0,30}(?:abgelehnt|gesperrt|ungültig|unbekannt|nicht)",
    "fr": r"[eé]metteur|exp[eé]diteur.{0,30}(?:invalid|inconnu|refus|rejet|bloqu)",
    "es": r"remitente.{0,30}(?:inválid|invalid|rechazad|bloquead)",
    "it": r"mittente.{0,30}(?:non valid|rifiutat|bloccat)",
    "pt": r"remetente.{0,30}(?:inválid|invalid|rejeitad|bloquead)",
    "ru": r"отправител",
}
POLICY = {
    "zh": r"垃圾|拒[絕绝收]|黑名[單单]|违规|違規|廣告信|广告邮件|[邮郵]件.{0,4}(?:[过過]大|大小)",
    "ja": r"スパム|迷惑メール|受信拒否|拒否され",
    "ko": r"스팸|차단|거부",
    "de": r"unerwünscht|abgelehnt|zu gro(?:ß|ss)\b|zu viele",
    "fr": r"rejet|refus[eé]|indésirable|taille (?:limite|maximale)|trop de (?:connexions|destinataires|messages)",
    "es": r"rechazad|demasiad[ao]s",
    "it": r"rifiutat|troppi",
    "pt": r"rejeitad",
    "pl": r"odrzucon",
    "ru": r"отклонен|спам",
}
