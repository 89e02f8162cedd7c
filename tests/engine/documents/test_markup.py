"""A page becomes what its reader reads: no script, no style, nothing fetched."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from engine.documents.markup import read_html
from engine.documents.sections import Section

PAGE = """<!doctype html><html><head><title>Title</title><script>steal()</script><style>p {}</style></head>
<body><h1>Incident <b>guide</b></h1><p>Isolate the&nbsp;host.</p><script>document.write("<p>injected</p>")</script>
<h2>Contacts</h2><table><tr><td>Ada</td><td>4711</td></tr></table><img src="http://203.0.113.9/x" onerror="steal()">
<!-- <p>a comment</p> --><template>template</template><p>A &lt;b&gt; is no tag.</p></body></html>"""


def test_text_stands_under_its_headings_without_scripts_and_comments() -> None:
    sections = [section for section in read_html(PAGE) if section.text]
    assert [section.heading for section in sections] == ["Incident guide", "Incident guide > Contacts"]
    assert sections[0].text == "Isolate the\xa0host."
    whole = " ".join(section.text for section in sections)
    assert "Ada" in whole
    assert "A <b> is no tag." in whole
    for stranger in ("steal", "injected", "comment", "template", "203.0.113.9", "Title"):
        assert stranger not in whole


def test_a_script_that_is_never_closed_says_nothing() -> None:
    assert read_html("<p>before</p><script>alert(1)<p>after</p>") == [Section("", "before")]


def test_a_heading_that_is_never_closed_is_text() -> None:
    assert read_html("<h1>open <p>text") == [Section("", ""), Section("", "open text")]


@given(st.text(alphabet="<>/!-=\"' h1pscripttd&;x\n", max_size=200))
def test_any_text_is_a_page(text: str) -> None:
    assert read_html(text)
