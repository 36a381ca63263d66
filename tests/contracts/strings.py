"""Texts in many scripts, with everything that makes tokenizers err."""

import random
import unicodedata
from typing import Final

#: Where scripts lie, roughly: first and last code point.
_SCRIPTS: Final = {
    "latin": (0x41, 0x7A),
    "latin supplement": (0xC0, 0x24F),
    "ipa": (0x250, 0x2AF),
    "greek": (0x370, 0x3FF),
    "cyrillic": (0x400, 0x4FF),
    "armenian": (0x530, 0x58F),
    "hebrew": (0x590, 0x5FF),
    "arabic": (0x600, 0x6FF),
    "syriac": (0x700, 0x74F),
    "devanagari": (0x900, 0x97F),
    "bengali": (0x980, 0x9FF),
    "tamil": (0xB80, 0xBFF),
    "thai": (0xE00, 0xE7F),
    "tibetan": (0xF00, 0xFFF),
    "georgian": (0x10A0, 0x10FF),
    "hangul jamo": (0x1100, 0x11FF),
    "ethiopic": (0x1200, 0x137F),
    "cherokee": (0x13A0, 0x13FF),
    "khmer": (0x1780, 0x17FF),
    "mongolian": (0x1800, 0x18AF),
    "greek extended": (0x1F00, 0x1FFF),
    "punctuation": (0x2000, 0x206F),
    "currency": (0x20A0, 0x20CF),
    "letterlike": (0x2100, 0x214F),
    "arrows": (0x2190, 0x21FF),
    "boxes": (0x2500, 0x257F),
    "hiragana": (0x3040, 0x309F),
    "katakana": (0x30A0, 0x30FF),
    "han": (0x4E00, 0x9FFF),
    "hangul": (0xAC00, 0xD7A3),
    "private": (0xE000, 0xE0FF),
    "compatibility han": (0xF900, 0xFAFF),
    "presentation forms": (0xFB00, 0xFDFF),
    "full width": (0xFF00, 0xFFEF),
    "specials": (0xFFF0, 0xFFFD),
    "gothic": (0x10330, 0x1034F),
    "mathematical": (0x1D400, 0x1D7FF),
    "emoji": (0x1F300, 0x1FAFF),
    "han extension": (0x20000, 0x2A6DF),
    "tags": (0xE0020, 0xE007F),
    "last plane": (0x10FF00, 0x10FFFD),
}
_SPECIMENS: Final = [
    "",
    " ",
    "\n\n\t \r\n",
    "The quick brown fox, unbelievably, jumped over 13 lazy dogs!",
    "Größe naïve façade Ελλάδα Привет мир שלום עולם مرحبا بالعالم नमस्ते दुनिया",
    "東京都に住んでいます。你好，世界！안녕하세요 세계",  # noqa: RUF001
    "👩‍👩‍👧‍👦 🏳️‍🌈 👍🏽 🇩🇪🇫🇷 ❤️‍🔥 ☺︎ 1️⃣",
    "e\u0301\u0302\u0303\u0304 a\u0300 Z\u0351\u0357\u035b\u0327\u0323 \u0301",
    "\u202eright to left\u202c \u200f\u200e\u2066x\u2069",
    "\u200b\u200c\u200d\ufeff zero\u200bwidth \u00ad soft\u00adhyphen",
    "\x00\x01\x07\x1b[31mred\x1b[0m\x7f\x80\x9f",
    "def f(x: int) -> int:\n    return {'a': [x**2, x // 3]}.get(\"a\", 0x1F) # <|end|>",
    "[CLS] [SEP] [MASK] [UNK] [PAD] <s> </s> <|endoftext|> ##ing",
    "https://example.com/a/b?c=d&e=%20#f user@example.com C:\\dir\\file.txt",
    "a" * 99,
    "a" * 100,
    "a" * 101,
    "a" * 5000,
    "漢" * 700,
    "x\u0301" * 400,
    "!" * 600,
    "İıŞşﬁﬃ ǅ ẞß Σσς K Å",
    "ＦＵＬＬ　ｗｉｄｔｈ ｶﾀｶﾅ",  # noqa: RUF001
    "１２３ ٣٤٥ ४५६ Ⅳ ½ ²",  # noqa: RUF001
]


def mixed_strings(count: int, seed: int = 7) -> list[str]:
    """Give so many texts, the same ones each time."""
    chance = random.Random(seed)
    made = [_made(chance) for _ in range(count - len(_SPECIMENS))]
    return [*_SPECIMENS, *made]


def _made(chance: random.Random) -> str:
    pieces = [_piece(chance) for _ in range(chance.randint(1, 25))]
    text = chance.choice(["", " ", "  ", "\n"]).join(pieces)
    form = chance.choice(["", "NFC", "NFD", "NFKC", "NFKD"])
    return unicodedata.normalize(form, text) if form else text  # type: ignore[arg-type]


def _piece(chance: random.Random) -> str:
    if chance.random() < 0.2:
        specimen = chance.choice(_SPECIMENS)
        start = chance.randint(0, len(specimen))
        return specimen[start : start + chance.randint(1, 40)]
    low, high = chance.choice(list(_SCRIPTS.values()))
    letters = [chr(chance.randint(low, high)) for _ in range(chance.randint(1, 12))]
    marks = [chr(chance.randint(0x300, 0x36F)) if chance.random() < 0.1 else "" for _ in letters]
    return "".join(letter + mark for letter, mark in zip(letters, marks, strict=True))
