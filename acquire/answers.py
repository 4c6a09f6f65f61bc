"""Answering a run's open question from another terminal."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from acquire.lease import is_held
from acquire.operator import Command, send
from acquire.record import RunRecord
from drivers.errors import InputError


def answer(folder: Path, words: Sequence[str]) -> str:
    """Answer with a choice, or a question's number and a choice; return what to do next.

    Raises:
        InputError: there is no such open question, or the choice is not among its choices.
    """
    with RunRecord(folder) as record:
        questions = [question for question in record.questions() if question["answer"] is None]
    number = int(words[0]) if len(words) > 1 and words[0].isdigit() else None
    choice = " ".join(words[1:] if number is not None else words)
    question = _which(questions, number, folder)
    if choice not in question["choices"]:
        raise InputError(
            f"{choice!r} is none of the choices of question {question['id']}: "
            f"{', '.join(question['choices'])}"
        )
    send(folder, Command("answer", "another terminal", question["id"], choice))
    then = "" if is_held(folder) else f"; go on with: liftline resume {folder}"
    return f"question {question['id']}: answered {choice!r}{then}"


def _which(questions: list[dict[str, Any]], number: int | None, folder: Path) -> dict[str, Any]:
    if number is not None:
        questions = [question for question in questions if question["id"] == number]
    if len(questions) == 1:
        return questions[0]
    if not questions:
        raise InputError(f"{folder.name} has no such open question; see: liftline show {folder}")
    numbers = ", ".join(str(question["id"]) for question in questions)
    raise InputError(f"questions {numbers} are open; say which: liftline answer RUN NUMBER CHOICE")
