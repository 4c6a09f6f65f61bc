from __future__ import annotations

import pytest

from acquire.torture.course import Course
from tests.acquire.torture.made import course_of


@pytest.fixture(scope="session")
def course(tmp_path_factory: pytest.TempPathFactory) -> Course:
    return course_of(tmp_path_factory.mktemp("course"))
