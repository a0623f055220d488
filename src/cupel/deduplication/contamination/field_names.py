"""What the name of a field says: whether it asks, answers, offers choices, is read, or describes the item."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Literal

__all__ = ["Role", "normalized", "rank", "role_of"]

Role = Literal["question", "prompt", "answer", "choices", "wrong", "passage", "about", ""]

# In order of preference, in the languages of lm-evaluation-harness's tasks. A name of several words has the role of the
# first table that holds one of them.
_CHOICES = """
    choices choice options option endings ending candidates candidate alternatives alternative classes mc
    opciones opcion opcoes opzioni optionen antworten aukerak scelte 选项 選択肢 選項 보기 варианты خيارات
"""
_WRONG = "distractors distractor incorrect wrong foils foil not"
_PASSAGE = """
    passage passages article articles support story background context contexts document documents paragraph
    paragraphs report transcript dialogue dialog conversation narrative abstract section excerpt knowledge
    evidence fact facts pasaje contexto contesto contexte kontext kontekst konteks testuingurua texte lectura
    brano passaggio muktadha 文章 短文 材料 背景 段落 本文 지문 контекст текст سياق فقرة संदर्भ
"""
_QUESTION = """
    question questions query problem goal stem asked pregunta pergunta domanda quesito frage galdera swali vraag
    fråga spørgsmål pytanie otázka soal pertanyaan soru sual întrebare kérdés kysymys klausimas вопрос питання
    ερώτηση سؤال سوال प्रश्न প্রশ্ন คำถาม 问题 問題 题目 質問 질문 문제
"""
_ANSWER = """
    answer answers gold correct label answerkey solution continuation target targets output outputs reference
    completion response responses summary highlights code right gt respuesta resposta risposta antwort réponse
    reponse erantzuna jibu jawaban odpowiedź ответ відповідь cevap 答案 答え 回答 解答 정답 답 إجابة جواب उत्तर
"""
_PROMPT = """
    prompt prompts instruction instructions input inputs claim statement hypothesis text sentence ctx
"""
# As the last word of a name.
_ABOUT = """
    id ids idx index indices uuid hash guid url urls link source sources split subset subject subjects category
    categories topic topics level difficulty language languages lang type types name names author
    date year title titles metadata meta comment comments canary explanation explanations rationale
    rationales polarity format formats version country region domain task tag tags number num count start end
    offset score scores rating
"""
_LICENSE = re.compile(r"licen[cs]e")  # American and British spelling
_PLACE = "id idx index num number key letter label option ending"
# What a value is, not what it is for: the name above it says more.
_GENERIC = "text texts value values content body string"
_TABLES: tuple[tuple[Role, list[str]], ...] = (
    ("choices", [*_CHOICES.split(), "scores"]),
    ("wrong", _WRONG.split()),
    ("passage", _PASSAGE.split()),
    ("question", _QUESTION.split()),
    ("answer", _ANSWER.split()),
    ("prompt", _PROMPT.split()),
)
_ORDER = {word: place for _, table in _TABLES for place, word in enumerate(table)}


def normalized(name: object) -> str:
    """A name in lower case, its words joined by `_`.

    Examples
    --------
    >>> [normalized(name) for name in ("answerKey", "Option A", "InputSentence1", "Best Answer")]
    ['answer_key', 'option_a', 'input_sentence1', 'best_answer']
    """
    split = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", str(name).strip())
    return re.sub(r"[^\w.]+", "_", split).strip("_").lower()


@lru_cache(maxsize=4096)
def role_of(name: str) -> Role:
    """The role of a normalized name, `a.b` for a field within another; empty where it says nothing.

    Examples
    --------
    >>> [role_of(name) for name in ("input_question", "answer_choices", "flores_passage", "question_id", "tweet")]
    ['question', 'choices', 'passage', 'about', '']
    """
    parts = name.split(".")[::-1]
    for part in sorted(parts, key=lambda part: part in _GENERIC.split()):
        role = _role_of_part(part)
        if role:
            return role
    return ""


def rank(name: str) -> int:
    """The rank of a name among those of its role; the lowest is preferred."""
    places = [_ORDER[word] for part in name.split(".") for word in _words(part) if word in _ORDER]
    return min(places, default=len(_ORDER))


def _role_of_part(part: str) -> Role:
    words = _words(part)
    if not words:
        return ""
    if words[-1] in _PLACE.split() and len(words) > 1 and set(words) & set(_ANSWER.split()) - {"label"}:
        return "answer"  # `answer_index`
    is_about = words[-1] in _ABOUT.split() or _LICENSE.fullmatch(words[-1])
    if is_about and part != "target_scores":
        return "about"
    return next((role for role, table in _TABLES if not set(table).isdisjoint(words)), "")


def _words(part: str) -> list[str]:
    words = [word.rstrip("0123456789") for word in part.split("_")]
    return [word for word in words if word]
