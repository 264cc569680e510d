"""The page: a photo and a question on the left, and on the right what was answered, in tabs."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import gradio as gr

from plantain.serve.page.events import SPARE, Events
from plantain.serve.page.examples import HOW
from plantain.serve.page.parts import HERE, legend, viewer

EXAMPLES = (
    "metric depth", "how far is the cup?", "segment cup, table", "surface normals", "find the cups", "matte of the cat",
)  # fmt: skip
QUIET: dict[str, Any] = {"api_visibility": "private", "concurrency_limit": None}  # the queues of the server bound it
RAW: dict[str, Any] = QUIET | {"preprocess": False}  # files are what was dropped, whatever they are
HEAD = """<div class="pl-head"><h1>Plantain</h1>
<p>A photo and words in; a painting; numbers out, with how sure they are.</p></div>"""
TRY = """element.addEventListener("click", (event) => {
  if (event.target.matches(".pl-try")) trigger("click", { text: event.target.textContent });
});"""
TO_ANSWER = """() => {
  const said = document.querySelector("#said");
  if (window.innerWidth < 700 && said) said.scrollIntoView({ behavior: "smooth" });
  return [];
}"""  # on a phone the answer is far below
ICON = (  # a leaf
    "<link rel=\"icon\" href=\"data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E"
    "%3Cpath fill='%2316a34a' d='M2 14C2 6 6 2 14 2c0 8-4 12-12 12z'/%3E%3C/svg%3E\">"
)
SAMPLES = HERE.parents[1] / "samples"
FONTS = ["system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif"]


@dataclass(frozen=True)
class Inputs:
    """What every question is put with."""

    photo: gr.Image
    text: gr.Textbox
    read: gr.HTML
    ask: gr.Button
    model: gr.Dropdown
    fov: gr.Number
    samples: gr.Number
    seed: gr.Number
    least: gr.Slider

    @property
    def options(self) -> list[Any]:
        return [self.model, self.fov, self.samples, self.seed, self.least]


@dataclass(frozen=True)
class Outputs:
    """Where answers go."""

    said: gr.HTML
    viewer: gr.HTML
    kept: gr.State
    legend: gr.HTML
    files: gr.File
    cloud: gr.Model3D
    tabs: gr.Tabs

    @property
    def answer(self) -> list[Any]:
        return [self.said, self.viewer, self.kept, self.legend, self.files, self.cloud]


def build(events: Events) -> gr.Blocks:
    """The whole page."""
    with gr.Blocks(title="Plantain", analytics_enabled=False) as page:
        gr.HTML(HEAD)
        with gr.Row():
            with gr.Column(scale=4, min_width=320):
                given = inputs(events.models())
            with gr.Column(scale=6, min_width=320), gr.Tabs() as tabs:
                found = answer_tab(events, tabs)
                legend_tab(events, given, found)
                cloud_tab(events, given, found)
                other = compare_tab(events, given)
                learn_tab(events, given, other)
                edit_tab(events, given)
        asking(events, given, found)
        page.load(events.who, None, [given.model, other], show_progress="hidden", **QUIET)
    return page


def theme() -> gr.Theme:
    """Fonts of the system, so that none is fetched from anywhere."""
    return gr.themes.Default(primary_hue="green", font=FONTS, font_mono=["ui-monospace", "monospace"])


def head() -> str:
    """Icon and style: Gradio would rewrite the latter where it is given as such."""
    return f"{ICON}<style>{(HERE / 'page.css').read_text(encoding='utf-8')}</style>"


# ---- the left


def inputs(models: list[str]) -> Inputs:
    photo = gr.Image(
        label="Photo", type="filepath", image_mode=None, format="png", sources=["upload", "clipboard"], height=300,
        elem_id="photo", buttons=["fullscreen"],
    )  # fmt: skip
    text = gr.Textbox(label="Question", placeholder="how far is the cup?", lines=1, max_lines=4, elem_id="question")
    read = gr.HTML(elem_id="understood", js_on_load=TRY)
    ask = gr.Button("Ask", variant="primary", elem_id="ask")
    with gr.Row(elem_classes="pl-chips"):
        for example in EXAMPLES:
            button = gr.Button(example, size="sm")
            button.click(None, None, text, js=f"() => {json.dumps(example)}")
    with gr.Accordion("Options", open=False):
        model = gr.Dropdown(models, value=models[0], label="Who answers", elem_id="model")
        fov = gr.Number(
            0, label="Field of view, degrees", minimum=0, maximum=179, elem_id="fov",
            info="horizontal; 0: not known. A phone's main camera held wide has about 70",
        )  # fmt: skip
        with gr.Row():
            samples = gr.Number(
                1, label="Paintings", minimum=1, maximum=16, precision=0, min_width=120, info="of other seeds, merged"
            )
            seed = gr.Number(0, label="Seed", minimum=0, precision=0, min_width=120, info="same seed, same painting")
        least = gr.Slider(0, 1, 0, step=0.05, label="Least confidence", info="below it no value is given")
    gr.Examples([[str(path)] for path in sorted(SAMPLES.glob("*.jpg"))], [photo], label="Sample photos")
    return Inputs(photo, text, read, ask, model, fov, samples, seed, least)


def asking(events: Events, given: Inputs, found: Outputs) -> None:
    """The question, and what follows from the photo and the camera."""
    everything = [given.photo, given.text, *given.options]
    gr.on([given.ask.click, given.text.submit], events.ask, everything, found.answer, **RAW).then(
        lambda: gr.Tabs(selected="answer"), None, found.tabs, show_progress="hidden", js=TO_ANSWER, **QUIET
    )
    given.read.click(events.better, None, given.text, show_progress="hidden", **QUIET)
    given.text.change(
        events.read_text, given.text, given.read, trigger_mode="always_last", show_progress="hidden", **QUIET
    )
    given.photo.change(events.dropped, given.photo, [found.said, given.fov], show_progress="hidden", **RAW)
    given.fov.change(events.camera, [found.kept, given.fov], found.viewer, show_progress="hidden", **QUIET)


# ---- the right


def answer_tab(events: Events, tabs: gr.Tabs) -> Outputs:
    with gr.Tab("Answer", id="answer"):
        said = gr.HTML(elem_id="said")
        shown = viewer(events.read_points, elem_id="viewer")
        kept = gr.State("")
        with gr.Accordion("Files", open=False) as opened:
            words = gr.HTML()
            files = gr.File(label="Painting, overlay, arrays and more; the archive has all", interactive=False,
                            file_count="multiple", elem_id="files", visible=False)  # fmt: skip
            make = gr.Button("Make the files", size="sm", elem_id="make-files")
    editor = legend([{"name": "", "color": color} for color in SPARE], render=False, elem_id="legend")
    cloud = gr.Model3D(
        label="Points in space", display_mode="point_cloud", clear_color=(0.09, 0.1, 0.12, 1), height=440, render=False,
        camera_position=(90, 85, None), interactive=False, elem_id="cloud",
    )  # fmt: skip
    gr.on([make.click, opened.expand], events.files, kept, [words, files], **QUIET)
    return Outputs(said, shown, kept, editor, files, cloud, tabs)


def legend_tab(events: Events, given: Inputs, found: Outputs) -> None:
    with gr.Tab("Legend", id="legend"):
        gr.HTML('<p class="pl-hint">Classes for every pixel: words, and the colors in which they are shown.</p>')
        found.legend.render()
        exact = gr.Checkbox(
            False, label="Paint in exactly these colors", elem_id="exact",
            info="else the model paints in colors that it keeps apart best, and these are put on afterwards",
        )  # fmt: skip
        go = gr.Button("Segment with this legend", variant="primary", elem_id="segment")
    everything = [given.photo, found.legend, exact, *given.options]
    go.click(events.ask_legend, everything, found.answer, **RAW).then(
        lambda: gr.Tabs(selected="answer"), None, found.tabs, show_progress="hidden", js=TO_ANSWER, **QUIET
    )


def cloud_tab(events: Events, given: Inputs, found: Outputs) -> None:
    with gr.Tab("3-D", id="cloud"):
        words = gr.HTML('<p class="pl-hint">Points in space, of an answer with metric depth. They need the camera\'s '
                        "field of view, under Options.</p>")  # fmt: skip
        go = gr.Button("Show in space", variant="primary", elem_id="make-cloud")
        found.cloud.render()
    go.click(events.cloud, [found.kept, given.fov], [words, found.cloud], **QUIET)


def compare_tab(events: Events, given: Inputs) -> gr.Dropdown:
    with gr.Tab("Compare", id="compare", render_children=True):
        words = gr.HTML('<p class="pl-hint">The question on the left, answered twice: by two models, or by one with '
                        "another seed.</p>")  # fmt: skip
        with gr.Row():
            other = gr.Dropdown(events.models(), value=events.models()[-1], label="Against", elem_id="other")
            seed = gr.Number(1, label="Its seed", minimum=0, precision=0)
        go = gr.Button("Compare", variant="primary", elem_id="compare")
        both = viewer(events.read_points, elem_id="both")
    asked = [given.photo, given.text, given.model, given.seed, other, seed, given.fov]
    go.click(events.compare, asked, [words, both], **RAW)
    return other


def learn_tab(events: Events, given: Inputs, other: gr.Dropdown) -> None:
    with gr.Tab("Learn", id="learn"):
        words = gr.HTML(f'<p class="pl-hint">Learn a question from examples: {HOW}.</p>')
        files = gr.File(label="Examples: photos and their answers", file_count="multiple", elem_id="examples")
        text = gr.Textbox(label="What they show", placeholder="segment crack, background", elem_id="lesson")
        go = gr.Button("Learn from these", variant="primary", elem_id="learn")
        kept = gr.File(label="What was learned, for plantain -m", interactive=False, visible=False)
    go.click(
        events.learn,
        [files, text, given.model],
        [words, given.model, given.text, kept, other],
        show_progress_on=words,
        **RAW,
    )


def edit_tab(events: Events, given: Inputs) -> None:
    with gr.Tab("Edit", id="edit"):
        words = gr.HTML('<p class="pl-hint">Another picture: the photo changed as you say, or one from words.</p>')
        text = gr.Textbox(label="What to do, or what to paint", placeholder="colorize", elem_id="order")
        with gr.Row():
            edit = gr.Button("Edit the photo", variant="primary", elem_id="edit")
            generate = gr.Button("Paint from words", elem_id="generate")
        made = gr.Image(label="Picture", format="png", type="filepath", interactive=False, elem_id="made",
                        buttons=["download", "fullscreen"])  # fmt: skip
        use = gr.Button("Use as the photo", size="sm", elem_id="use")
    use.click(events.use, made, given.photo, show_progress="hidden", **RAW)
    edit.click(events.edit, [given.photo, text, given.model, given.seed], [words, made], **RAW)
    generate.click(events.generate, [text, given.model, given.seed], [words, made], **QUIET)
