"""The npm package in a browser: all engines, in a worker or not, and under a strict policy."""

import json

import pytest

import apercu
from tests import browser
from tests.page_case import original
from tests.test_web import WEB, cases, differences, dist, pytestmark, written  # noqa: F401
from tests.web_server import served
