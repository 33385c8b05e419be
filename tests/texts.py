"""Real text of several scripts; longer text where the shared corpus is at hand."""

from __future__ import annotations

import os
from pathlib import Path

# Article 1 of the Universal Declaration of Human Rights, and emoji.
TEXTS = {
    "english": "All human beings are born free and equal in dignity and rights. They are endowed "
    "with reason and conscience and should act towards one another in a spirit of brotherhood.",
    "french": "Tous les êtres humains naissent libres et égaux en dignité et en droits. Ils sont "
    "doués de raison et de conscience et doivent agir les uns envers les autres dans un esprit de "
    "fraternité.",
    "german": "Alle Menschen sind frei und gleich an Würde und Rechten geboren. Sie sind mit "
    "Vernunft und Gewissen begabt und sollen einander im Geist der Brüderlichkeit begegnen.",
    "russian": "Все люди рождаются свободными и равными в своем достоинстве и правах. Они наделены "
    "разумом и совестью и должны поступать в отношении друг друга в духе братства.",
    "greek": "Όλοι οι άνθρωποι γεννιούνται ελεύθεροι και ίσοι στην αξιοπρέπεια και τα δικαιώματα.",
    "arabic": "يولد جميع الناس أحرارًا متساوين في الكرامة والحقوق.",
    "hindi": "सभी मनुष्यों को गौरव और अधिकारों के मामले में जन्मजात स्वतन्त्रता और समानता प्राप्त है।",
    "chinese": "人人生而自由，在尊严和权利上一律平等。他们赋有理性和良心，"
    "并应以兄弟关系的精神相对待。",
    "japanese": "すべての人間は、生まれながらにして自由であり、"
    "かつ、尊厳と権利とについて平等である。",
    "emoji": "🚀🌍👩‍🚀👨‍👩‍👧‍👦🏳️‍🌈🧑🏽‍💻✨🎉🥳🫠🦀🐍",
    "mixed": "plain, Zürich, Київ, ₿ and €, 漢字かな, 한국어, 𝔘𝔫𝔦𝔠𝔬𝔡𝔢, 🚀 …",
}

_corpus = Path(os.environ.get("WSFAST_CORPUS", Path(__file__).parents[2] / "shared" / "corpus"))
TEXTS.update(
    (f"corpus: {path.stem}", path.read_text(encoding="utf-8"))
    for path in sorted(_corpus.glob("*.txt"))
)
