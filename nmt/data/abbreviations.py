"""Words after which a full stop does not always end a sentence, by language, and words with which sentences begin.

The lists are short on purpose. Initials ("J. Smith"), abbreviations with inner stops ("e.g.", "z. B.") and everything
before a small letter are recognised without them.
"""

from typing import NamedTuple

_ANYWHERE = "dr mr mrs ms prof jr etc"
"""Abbreviations in text of any language."""


class Usage(NamedTuple):
    """The written usage of a language, as far as it decides where sentences end. All words are in small letters."""

    abbreviations: frozenset[str] = frozenset()
    """A stop after one of them ends a sentence only before one of the `starters`."""
    before_numbers: frozenset[str] = frozenset()
    """A stop after one of them ends a sentence unless a number follows: "No. 5", but "No. Nobody."."""
    starters: frozenset[str] = frozenset()
    """Frequent first words of sentences that hardly begin a name (Kiss and Strunk 2006)."""
    letters: frozenset[str] = frozenset()
    """Words of one letter with which a sentence may end."""
    ordinals: bool = False
    """Whether a stop after a number makes it an ordinal: "3. Oktober", "Karel IV. Lucemburský"."""


def _usage(
    abbreviations: str, before_numbers: str, starters: str, *, letters: str = "", ordinals: bool = False
) -> Usage:
    words = (frozenset(each.split()) for each in (f"{_ANYWHERE} {abbreviations}", before_numbers, starters, letters))
    return Usage(*words, ordinals=ordinals)


USAGE: dict[str, Usage] = {
    "en": _usage(
        "mr mrs ms messrs dr prof rev hon gen col maj capt cmdr lt sgt gov sen rep pres st mt ft jr sr esq inc ltd "
        "co corp bros dept univ est assn ave blvd rd vs etc al cf approx resp ca adm supt",
        "no nos art fig figs vol vols ch chap p pp sec eq jan feb mar apr jun jul aug sept sep oct nov dec",
        "the this that these those it he she we they you i there here but and or if when while what who why where "
        "how my his her our their your its in on at as for so then not no yes after before since although however "
        "because with from some many all one nobody everyone do did does is are was were have has had can could "
        "should please",
        letters="I",
    ),
    "de": _usage(
        "dr prof dipl ing hr hrn fr frl st str pl abs bzw ca etc evtl ggf inkl exkl max min mio mrd tsd sog usw vgl "
        "zzgl bspw geb gest gegr hrsg verf allg bes bzgl insb sen jr co inc ltd tel techn gem mind röm kath ev verh "
        "phil med jur rer nat hl urspr usf dgl ders ebd u.a",
        "nr art abb kap bd bde jg ziff anm aufl rn jan feb mär apr jun jul aug sept sep okt nov dez",
        "der die das den dem des ein eine einen einem einer er sie es ich du wir ihr man dies diese dieser dieses "
        "und oder aber denn wenn als ob weil da dann danach dort hier jetzt heute so auch nur nicht kein keine was "
        "wer wie wo warum wann mein meine sein seine ihre unser unsere im in am an auf aus bei mit nach von vor zu "
        "zum zur für ist sind war waren hat haben hatte kann können ja nein doch alle viele",
        ordinals=True,
    ),
    "nl": _usage(
        "dhr mevr mw dr drs ir ing prof mr jr sr st bv bijv blz ca enz evt excl incl max min nl o.a resp vgl wo jl "
        "ds mgr jhr zgn dwz",
        "nr art afb fig hfdst jan feb mrt apr jun jul aug sept okt nov dec",
        "de het een hij zij ze ik jij je wij we jullie u er dit dat deze die en of maar want als dan daar hier nu "
        "wat wie waar waarom hoe wanneer mijn zijn haar ons onze in op aan met voor van na bij niet geen ja nee is "
        "was heeft",
        letters="u U",
    ),
    "sv": _usage(
        "dr prof st ca bl t.ex dvs etc kl max osv resp jfr inkl exkl tel hr fr",
        "nr art kap s bd fig jan febr feb mars apr aug sept okt nov dec",
        "den det de en ett han hon jag du vi ni man denna detta dessa och men eller om när så där här nu vad vem var "
        "varför hur min hans hennes vår i på av med för från efter inte nej ja är har",
        letters="i å ö",
    ),
    "da": _usage(
        "dr prof hr fr frk st skt ca bl dvs etc f.eks jf maks mv osv pga tlf kl ekskl inkl vedr evt kgl",
        "nr art kap s bd fig jan feb mar apr jun jul aug sept okt nov dec",
        "den det de en et han hun jeg du vi i man denne dette disse og men eller hvis når så der her nu hvad hvem "
        "hvor hvorfor hvordan min hans hendes vores på af med for fra efter ikke nej ja er har",
        letters="i å ø", ordinals=True,
    ),
    "fr": _usage(
        "m mm mme mmes mlle mlles dr drs me mgr pr prof st ste cf env etc ex av apr hab qqn qqch rens tél max min "
        "ltd inc cie éd bd dept",
        "no art fig chap vol p pp réf janv févr avr juil sept oct nov déc",
        "le la les l' un une des il elle ils elles on je j' tu nous vous ce cet cette ces c' ça et mais ou si quand "
        "comme alors puis ici là qui que quoi où pourquoi comment mon ma mes son sa ses notre votre leur dans sur "
        "sous à au aux en pour par avec sans après avant ne oui non est",
        letters="a y à",
    ),
    "es": _usage(
        "sr sra sres sras srta dr dra dres prof profa lic ing ud uds vd vds gral cnel sto sta san etc aprox av avda "
        "admón dpto tel máx mín cía ltda ej pág excmo excma",
        "no núm nº art fig vol págs cap ene feb mar abr jun jul ago sept set oct nov dic",
        "el la los las lo un una unos unas él ella ellos ellas yo tú usted ustedes nosotros se este esta estos estas "
        "ese esa eso esto y pero o si cuando como entonces aquí allí ahora qué quién dónde por para con sin en de "
        "del al a no sí es son hay mi su nuestro nuestra después antes",
        letters="a o y",
    ),
    "it": _usage(
        "sig sigg sigra dott dottssa prof profssa ing avv arch geom on sen rag mons ecc es ca max min tel ss spa srl "
        "cfr gent egr spett st sto san",
        "art fig cap vol pag pagg n gen feb mar apr giu lug ago sett ott nov dic",
        "il lo la i gli le l' un uno una egli lui lei loro io tu noi voi si questo questa questi queste quello "
        "quella e ma o se quando come allora poi qui là ora chi che cosa dove perché mio mia suo sua nostro in su a "
        "da di con per tra fra al nel non sì no è sono ha dopo prima",
        letters="è e o",
    ),
    "pt": _usage(
        "sr sra srs sras srta dr dra drs dras prof profa eng exmo exma etc ex av tel máx mín ltda cia pág depto sto "
        "sta gen cel cap d dom",
        "no núm nº art fig vol págs jan fev mar abr mai jun jul ago set out nov dez",
        "o a os as um uma uns umas ele ela eles elas eu tu você vocês nós este esta estes estas esse essa isso isto "
        "e mas ou se quando como então aqui ali agora quem que onde por porque para com sem em no na nos nas de do "
        "da ao à não sim é são há meu minha seu sua nosso depois antes",
        letters="é a o e à",
    ),
    "pl": _usage(
        "dr hab prof mgr inż lek św ks o.o al ul pl os tel ok np tzn tzw tj itd itp m.in ww wg zob por gen płk mjr "
        "kpt jr sr ds godz min maks tys mln mld zł gr red wyd im pt proc ur zm",
        "nr art rys tab rozdz str s t poz ust pkt par",
        "ten ta to ci te on ona ono oni one ja ty my wy i a ale lub jeśli gdy kiedy jak więc tutaj tam teraz co kto "
        "gdzie dlaczego mój jego jej nasz w we na z ze do od po przed przy dla nie tak jest są był była było",
        letters="i o u w z a", ordinals=True,
    ),
    "cs": _usage(
        "dr doc prof ing mgr bc judr mudr phdr rndr sv p pí sl např atd apod napr tj tzn tzv cca resp příp popř "
        "event max min tel ul nám gen plk mjr kpt tis mil mld kč hl ml st spol zn nar zem",
        "č čl obr tab kap str s odst roč r",
        "ten ta to ti ty on ona ono oni já my vy a ale nebo když kdy jak tak tady tam teď co kdo kde proč můj jeho "
        "její náš v ve na z ze do od po před při pro ne ano je jsou byl byla bylo",
        letters="i a o u v z k s", ordinals=True,
    ),
    "ru": _usage(
        "г гг гр кв пгт д ул пр просп пер пл обл р-н им проф акад доц др т.е т.к т.д т.п т.н напр см ср св стр тыс "
        "млн млрд руб коп чел мин макс тел сек ред изд зам зав ген полк кап напр прим англ нем фр лат",
        "№ ст рис табл гл с т п пп янв февр апр авг сент окт нояб дек",
        "это этот эта эти тот та то те он она оно они я ты мы вы и а но или если когда как так здесь там теперь что "
        "кто где почему мой его её ее их наш в во на с со из от до по после перед при для за не нет да был была было "
        "были",
        letters="я и о а у",
    ),
    "uk": _usage(
        "м р рр ст вул просп пл обл ім проф акад доц ін т.д т.п напр див пор св стор тис млн млрд грн коп чол хв "
        "макс тел ред вид зам ген англ нім фр лат",
        "№ рис табл гл с т п пп січ лют бер квіт трав черв лип серп вер жовт лист груд",
        "це цей ця ці той та те ті він вона воно вони я ти ми ви і й а але або якщо коли як так тут там тепер що хто "
        "де чому мій його її їх наш в у на з із від до по після перед при для за не ні був була було були",
        letters="я і а у є",
    ),
    "fi": _usage(
        "esim ym yms jne mm ks vrt ns klo puh tri prof toim alk jaa jkv n noin ent eaa jaa milj mrd",
        "nro s art kuva luku",
        "se ne hän he minä sinä me te tämä nämä tuo ja mutta tai jos kun niin siellä täällä nyt mitä kuka missä "
        "miksi miten ei kyllä on oli ovat",
        ordinals=True,
    ),
    "hu": _usage(
        "dr prof ifj id özv szt st kb pl stb ill ún vö ld kft rt bt nyrt zrt tel ker krt u max min millió mrd",
        "sz fej old jan feb febr márc ápr jún júl aug szept okt nov dec",
        "a az ez egy ő ők én te mi ti és de vagy ha amikor így itt ott most mit ki hol miért hogyan nem igen van "
        "volt",
        letters="ő a", ordinals=True,
    ),
    "tr": _usage(
        "dr prof doç yrd av sn bkz vb vs örn mah cad sok apt st ltd şti gen alb yzb müh tel",
        "no s böl şek",
        "bu şu o bunlar onlar ben sen biz siz bir ve ama veya eğer ne kim nerede neden nasıl hayır evet şimdi sonra",
        letters="o", ordinals=True,
    ),
    "el": _usage(
        "κ κκ κα δρ καθ αγ π.χ κ.λπ κλπ κτλ βλ δηλ λ.χ τηλ λεωφ οδ μ.χ",
        "αρ σελ κεφ εικ τομ",
        "ο η το οι τα τον την ένας μία ένα αυτός αυτή αυτό αυτοί εγώ εσύ εμείς και αλλά ή αν όταν πως εδώ εκεί τώρα "
        "τι ποιος πού γιατί στο στη στον στην με για από δεν όχι ναι είναι ήταν",
        letters="η ο",
    ),
    "hi": _usage("डॉ श्री श्रीमती प्रो पं कु सु रु मि ई लि", "नं सं पृ", ""),
}
"""By ISO 639-1 code."""

_SAME = {
    "no": "da", "nb": "da", "nn": "da", "sk": "cs", "mr": "hi", "ne": "hi", "be": "ru",
    "eng": "en", "deu": "de", "ger": "de", "nld": "nl", "swe": "sv", "dan": "da", "nob": "da", "fra": "fr", "fre": "fr",
    "spa": "es", "ita": "it", "por": "pt", "pol": "pl", "ces": "cs", "cze": "cs", "slk": "cs", "rus": "ru",
    "ukr": "uk", "fin": "fi", "hun": "hu", "tur": "tr", "ell": "el", "hin": "hi",
}  # fmt: skip
"""Other codes, and languages that share most of another one's usage."""


_OTHER = _usage("", "", "")


def usage(language: str) -> Usage:
    """The usage of a language by its code, such as `de`, `deu` or `de-AT`; a general one for any other language."""
    code = language.replace("_", "-").split("-")[0].lower()
    return USAGE.get(_SAME.get(code, code), _OTHER)
