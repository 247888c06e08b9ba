"""Where an identity provider is configured, only the named ones change things; everybody else reads."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page, expect

from tests.browser.conftest import free_port
from tests.support.dashboards import started_dashboard
from tests.support.oidc_provider import running_provider
from tests.support.viewer import expect_no_failure, open_page

_SECRETS = """
[auth]
redirect_uri = "{url}/oauth2callback"
cookie_secret = "{cookie_secret}"
client_id = "dashboard"
client_secret = "not-a-secret"
server_metadata_url = "{provider}/.well-known/openid-configuration"
"""


def test_a_viewer_reads_and_an_operator_acts(page: Page, console_errors: list[str], tmp_path: Path) -> None:
    port = free_port()
    secrets = tmp_path / "secrets.toml"
    with running_provider() as provider:
        secrets.write_text(
            _SECRETS.format(url=f"http://127.0.0.1:{port}", cookie_secret="c" * 64, provider=provider.url)
        )
        with started_dashboard(
            tmp_path / "sandbox",
            tmp_path / "output.log",
            f"--secrets.files={secrets}",
            port=port,
            OPERATORS="ann@example.com, eve@example.com",
        ) as dashboard:
            dashboard.until_healthy()
            dashboard.until_sandbox_ready()
            sidebar = page.get_by_test_id("stSidebar")

            open_page(page, dashboard.url, "sandbox")
            expect(sidebar.get_by_text("Read-only")).to_be_visible()
            page.get_by_role("button", name="Start traffic").click()
            expect(page.get_by_text("For operators only", exact=True)).to_be_visible()
            expect(page.get_by_text("No traffic yet.")).to_be_visible()

            # Named in OPERATORS, but verified in words alone.
            provider.claims = {"sub": "id-of-eve", "email": "eve@example.com", "email_verified": "true"}
            sidebar.get_by_role("button", name="Sign in").click()
            expect(sidebar.get_by_text("eve@example.com")).to_be_visible()
            expect(sidebar.get_by_text("has not verified the e-mail address")).to_be_visible()
            expect(sidebar.get_by_text("sub:id-of-eve")).to_be_visible()

            sidebar.get_by_role("button", name="Sign out").click()
            provider.claims = {"email": "ann@example.com", "email_verified": True}
            sidebar.get_by_role("button", name="Sign in").click()
            expect(sidebar.get_by_text("ann@example.com")).to_be_visible()
            expect(sidebar.get_by_text("Read-only")).to_have_count(0)
            open_page(page, dashboard.url, "sandbox")
            page.get_by_role("button", name="Start traffic").click()
            expect(page.get_by_text("writes, ")).to_be_visible()
            expect_no_failure(page, console_errors)
