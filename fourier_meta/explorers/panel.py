"""The thin panel: ipywidgets controls around an explorer, an Image that is replaced, a sentence, and the code.

Moves may arrive in any thread (JupyterLab sends them to a subshell of the kernel, other front ends to its main thread).
They only leave word that something moved. The kernel's event loop answers, once for all moves since it last looked, so
no queue builds up: short computations at once, training in slices with a picture after each.
"""

import asyncio
import threading
import time

import ipywidgets as widgets

from fourier_meta.explorers import page
from fourier_meta.explorers.picture import WIDTH

LABEL_WIDTH = "94px"
FIRST_SLICE, LONGEST_SLICE = 0.03, 0.25  # seconds of training before the first picture, and between later ones
BETWEEN_SLICES = 0.005  # seconds for the kernel to see to its messages: a move, the Stop button
PATIENCE = 0.2  # seconds to wait for a step that takes longer than its slice before seeing to messages


class Job:
    """One training run, cut into slices: its thread runs only while the main thread waits for it.

    So a run that is written as a plain loop with a callback can be left at any step and taken up again, nothing runs
    at the same time, and nothing competes for the interpreter.
    """

    def __init__(self, panel, setting, notes):
        self.panel, self.setting, self.notes = panel, setting, notes
        self.stop = self.forget = self.ended = self.running = False
        self.numbers, self.until, self.seconds = None, 0.0, FIRST_SLICE
        self.turn, self.pause = threading.Event(), threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)

    def run(self):
        self.turn.wait()
        try:
            self.numbers = self.panel.explorer.compute(self.setting, self.report)
        except Exception as error:  # nobody would see it in a thread; the reader gets it as a sentence
            self.numbers = error
        self.ended = True
        self.pause.set()

    def report(self, make_numbers):
        """At the end of a slice, hand over unfinished numbers and wait for the next; answer whether to stop."""
        if time.monotonic() >= self.until and not (self.stop or self.forget):
            self.numbers = make_numbers()
            self.turn.clear()
            self.pause.set()
            if not self.forget:  # asked after clear(), so that the turn that `abandon` gives cannot be missed
                self.turn.wait()
        return self.stop or self.forget

    def slice(self):
        """Let the run go on for a while, show where it is, and come back after the kernel has seen to its messages."""
        if self.forget:
            return
        if not self.running:
            self.running, self.until = True, time.monotonic() + self.seconds
            self.pause.clear()
            self.turn.set()
        if self.pause.wait(PATIENCE):
            self.running, begin = False, time.monotonic()
            if self.ended:
                self.panel.end_of_job(self, self.numbers)
                return
            self.panel.show(self.setting, self.notes, self.numbers)
            drawing = time.monotonic() - begin
            self.seconds = min(max(4 * self.seconds, 3 * drawing), LONGEST_SLICE)
        self.panel.loop.call_later(BETWEEN_SLICES, self.slice)

    def start(self):
        self.thread.start()
        self.slice()

    def abandon(self):
        """Let the thread end by itself, unseen."""
        self.forget = True
        self.turn.set()


class Panel(widgets.VBox):
    """An explorer on the screen."""

    def __init__(self, explorer):
        super().__init__()
        self.explorer, self.drawing = explorer, explorer.picture()
        self.job, self.held, self.asked = None, False, False
        self.loop = running_loop()
        self.inputs = {
            control.name: (Switches if control.kind == "switches" else Field)(control) for control in explorer.controls
        }
        self.image = widgets.Image(format="png", width=WIDTH)
        self.status, self.code = widgets.HTML(), widgets.HTML()
        self.status.add_class("fm-status")
        self.code.add_class("fm-code")
        self.reset = widgets.Button(description="Reset", tooltip="Every control back to where it started")
        self.stop = widgets.Button(description="Stop", tooltip="Stop the training here", disabled=True)
        self.reset.on_click(lambda _: self.soon(self.set_all, explorer.defaults()))
        self.stop.on_click(lambda _: self.stop_training())
        for field in self.inputs.values():
            field.watch(self.moved)
        self.children = self.arrange()
        self.add_class("fm-explorer")
        self.update(wait=True)

    def __repr__(self):
        return self.explorer.summary

    def arrange(self):
        """Switches, a grid of the other controls, buttons, the picture, the sentence, the code."""
        wide = [field.widget for field in self.inputs.values() if isinstance(field, Switches)]
        rest = [field.widget for field in self.inputs.values() if not isinstance(field, Switches)]
        grid = widgets.Layout(
            grid_template_columns="repeat(3, minmax(0, 1fr))", grid_gap="0 22px", max_width=f"{WIDTH}px"
        )
        frame = widgets.HTML(page.frame(self.explorer.alt), layout=widgets.Layout(height="0", margin="0"))
        copy = widgets.HTML(page.COPY_BUTTON)
        copy.add_class("fm-copy")
        self.stop.layout.display = None if self.explorer.trains else "none"
        buttons = [self.reset, self.stop, copy]
        return [
            frame,
            *wide,
            widgets.GridBox(rest, layout=grid),
            widgets.HBox(buttons),
            self.image,
            self.status,
            self.code,
        ]

    def setting(self):
        """What the controls say."""
        return {name: field.value for name, field in self.inputs.items()}

    def set_all(self, setting):
        """Move several controls, as one move."""
        self.held = True
        for name, value in setting.items():
            self.inputs[name].value = value
        self.held = False
        self.update()

    def moved(self, change):
        """Ask for an update, unless one is on its way already."""
        if not (self.held or self.asked):
            self.asked = True
            self.soon(self.update)

    def soon(self, function, *arguments):
        """Call a function in the event loop; outside a kernel there is none, and it is called here."""
        if self.loop:
            self.loop.call_soon_threadsafe(function, *arguments)
        else:
            function(*arguments)

    @property
    def busy(self):
        """Whether the picture is about to change."""
        return self.asked or self.job is not None

    def update(self, wait=False):
        """Show what the controls say; training starts anew, the old run is forgotten."""
        self.asked = False  # before the controls are read: a move from now on asks again
        if self.job:
            self.job.abandon()
            self.job = None
        setting, notes = self.explorer.settle(self.setting())
        for name, field in self.inputs.items():
            field.mark(notes.get(name))
        job = Job(self, setting, notes)
        if self.explorer.trains and self.loop and not wait:
            self.job, self.stop.disabled = job, False
            job.start()
        else:
            try:
                numbers = self.explorer.compute(setting)
            except Exception as error:  # as in a thread: a sentence, and the panel stays alive
                numbers = error
            self.end_of_job(job, numbers)

    def end_of_job(self, job, numbers):
        self.job, self.stop.disabled = None, True
        self.show(job.setting, job.notes, numbers)

    def show(self, setting, notes, numbers):
        """Draw, and say, and write down as code."""
        if isinstance(numbers, Exception):
            self.say(f"This setting cannot be computed: {numbers}")
            return
        view = self.explorer.show(self.drawing, setting, notes, numbers)
        self.image.value = view.png
        self.say(view.status)
        self.code.value = page.code(view.code)

    def say(self, sentence):
        self.status.value = page.sentence(sentence)

    def stop_training(self):
        """Let the run end after its current step; what it has learned stays on the screen."""
        if self.job:
            self.job.stop = True

    def close(self):
        """Forget a running job and free all widgets."""
        if getattr(self, "job", None):
            self.job.abandon()
        for widget in tree(self):
            widgets.Widget.close(widget)


class Field:
    """A slider or a menu; its options are all that it can be set to."""

    def __init__(self, control):
        texts = control.texts or tuple(str(value).replace("-", "−") for value in control.values)
        kind = widgets.SelectionSlider if control.kind == "slider" else widgets.Dropdown
        self.help = control.help
        self.widget = kind(
            options=list(zip(texts, control.values, strict=True)),
            value=control.default,
            description=control.label,
            tooltip=control.help,
            style={"description_width": LABEL_WIDTH},
        )

    @property
    def value(self):
        """What it is set to."""
        return self.widget.value

    @value.setter
    def value(self, value):
        self.widget.value = value

    def watch(self, handler):
        """Call the handler at every move."""
        self.widget.observe(handler, "value")

    def mark(self, note):
        """Dim a control that has no effect, and let its tooltip say why; it stays usable, so that nothing is lost."""
        self.widget.tooltip = note or self.help
        (self.widget.remove_class if note is None else self.widget.add_class)("fm-idle")


class Switches(Field):
    """A row of toggle buttons; `value` is the tuple of those that are on."""

    def __init__(self, control):
        self.options = control.values
        self.buttons = [widgets.ToggleButton(description=text) for text in control.texts]
        for button in self.buttons:
            button.add_class("fm-switch")
        label = widgets.Label(control.label, layout=widgets.Layout(width=LABEL_WIDTH))
        row = widgets.Layout(flex_flow="row wrap", align_items="center")
        self.widget = widgets.HBox([label, *self.buttons], layout=row)
        self.value = control.default

    @property
    def value(self):
        """The options that are on."""
        return tuple(option for option, button in zip(self.options, self.buttons, strict=True) if button.value)

    @value.setter
    def value(self, chosen):
        for option, button in zip(self.options, self.buttons, strict=True):
            button.value = option in chosen

    def watch(self, handler):
        """Call the handler at every move."""
        for button in self.buttons:
            button.observe(handler, "value")

    def mark(self, note):
        """Switches always have an effect; the sentence says which of them are left out."""


def running_loop():
    """The kernel's event loop, or None outside a kernel."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def tree(widget):
    """A widget and all below it, with the layouts and styles that are widgets, too."""
    for child in getattr(widget, "children", ()):
        yield from tree(child)
    yield widget
    yield from (getattr(widget, part) for part in ("layout", "style") if hasattr(widget, part))
