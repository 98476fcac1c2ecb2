"""Signing in and out."""

import re

from playwright.sync_api import expect

from tenants.services import issue_sign_in_link
from tests.cast import PASSWORD, make_cast
from tests.ui.chromium import beside


def test_password_leads_to_the_page_that_was_asked_for(visit):
    cast = beside(make_cast)
    page = visit.blank()

    page.goto(f"{visit.address}/{cast.org.slug}/prod/runs?status=FAILURE")
    page.get_by_label("E-mail address").fill(cast.owner.email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()

    expect(page).to_have_url(re.compile(r"/prod/runs\?status=FAILURE$"))


def test_wrong_password_is_refused_in_words(visit):
    cast = beside(make_cast)
    page = visit.blank()

    page.goto(f"{visit.address}/sign-in")
    page.get_by_label("E-mail address").fill(cast.owner.email)
    page.get_by_label("Password").fill("not this one")
    page.get_by_role("button", name="Sign in").click()

    expect(page.get_by_role("alert")).to_be_visible()


def test_link_works_once(visit):
    cast = beside(make_cast)
    link = f"{visit.address}/sign-in/link/{beside(lambda: issue_sign_in_link(user=cast.owner))}"
    page = visit.blank()

    page.goto(link)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="prod")).to_be_visible()
    page.goto(link)
    page.get_by_role("button", name="Sign in").click()

    expect(page.get_by_role("alert")).to_contain_text("used already")


def test_sign_out_ends_the_session(visit):
    here = visit(beside(make_cast))

    page = here.go()
    page.get_by_text("Signed in").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    here.go("runs")

    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
