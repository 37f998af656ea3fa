"""The thin panel: ipywidgets controls around an explorer, an Image that is replaced, a sentence, and the code.

Short computations run where they are asked for: the front end sends the next move when this one is drawn, so no queue
builds up. Training runs in a thread, one at a time; the thread offers unfinished numbers to the kernel's event loop,
which draws them. Matplotlib is only ever used from the main thread.
"""

import asyncio
import threading
import time

import ipywidgets as widgets

from fourier_meta.explorers import page
from fourier_meta.explorers.picture import WIDTH

SECONDS_BETWEEN_PICTURES = 0.05  # while training; drawing competes with it for the interpreter


class Job:
    """One computation in a thread. It stops when `stop` is set, and is forgotten when `forget` is set."""

    def __init__(self, panel, setting, notes):
        self.panel, self.setting, self.notes = panel, setting, notes
        self.stop = self.forget = self.offered = False
        self.due = 0.0

    def run(self):
        with self.panel.one_at_a_time:
            if self.forget:
                return
            try:
                numbers = self.panel.explorer.compute(self.setting, self.report)
            except Exception as error:  # nobody would see it in a thread; the reader gets it as a sentence
                numbers = error
        self.panel.post(self.finished, numbers)

    def report(self, make_numbers):
        """Offer unfinished numbers to the main thread, if it is time for a picture; answer whether to stop."""
        if not (self.stop or self.forget or self.offered) and time.monotonic() >= self.due:
            self.offered = True
            self.panel.post(self.unfinished, make_numbers())
        return self.stop or self.forget

    def unfinished(self, numbers):
        if not (self.stop or self.forget):
            self.panel.show(self.setting, self.notes, numbers)
        self.due = time.monotonic() + SECONDS_BETWEEN_PICTURES
        self.offered = False

    def finished(self, numbers):
        if not self.forget:
            self.panel.end_of_job(self, numbers)


class Panel(widgets.VBox):
    """An explorer on the screen."""

    def __init__(self, explorer):
        super().__init__()
        self.explorer, self.drawing = explorer, explorer.picture()
        self.one_at_a_time, self.job, self.held = threading.Lock(), None, False
        self.loop = running_loop()
        self.inputs = {control.name: make_input(control) for control in explorer.controls}
        self.image = widgets.Image(format="png", width=WIDTH)
        self.status, self.code = widgets.HTML(), widgets.HTML()
        self.status.add_class("fm-status")
        self.code.add_class("fm-code")
        self.reset = widgets.Button(description="Reset", tooltip="Every control back to where it started")
        self.stop = widgets.Button(description="Stop", tooltip="Stop the training here", disabled=True)
        self.reset.on_click(lambda _: self.set_all(explorer.defaults()))
        self.stop.on_click(lambda _: self.stop_training())
        for field in self.inputs.values():
            field.observe(self.moved, "value")
        self.children = self.arrange()
        self.add_class("fm-explorer")
        self.update(wait=True)

    def __repr__(self):
        return self.explorer.summary

    def arrange(self):
        """Switches, a grid of the other controls, buttons, the picture, the sentence, the code."""
        wide = [field for field in self.inputs.values() if isinstance(field, Switches)]
        rest = [field for field in self.inputs.values() if not isinstance(field, Switches)]
        grid = widgets.Layout(
            grid_template_columns="repeat(3, minmax(0, 1fr))", grid_gap="0 26px", max_width=f"{WIDTH}px"
        )
        frame = widgets.HTML(page.frame(self.explorer.alt), layout=widgets.Layout(height="0", margin="0"))
        copy = widgets.HTML(page.COPY_BUTTON)
        copy.add_class("fm-copy")
        buttons = [self.reset, *([self.stop] if self.explorer.trains else []), copy]
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
        if not self.held:
            self.update()

    def update(self, wait=False):
        """Show what the controls say; training starts anew, the old run is forgotten."""
        if self.job:
            self.job.forget = True
            self.job = None
        setting, notes = self.explorer.settle(self.setting())
        for name, field in self.inputs.items():
            mark_idle(field, name in notes, notes.get(name) or self.help(name))
        job = Job(self, setting, notes)
        if self.explorer.trains and self.loop and not wait:
            self.job, self.stop.disabled = job, False
            threading.Thread(target=job.run, daemon=True).start()
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

    def help(self, name):
        return next(control.help for control in self.explorer.controls if control.name == name)

    def post(self, function, *arguments):
        """Call a function on the main thread; a kernel that is shutting down has no loop left, and needs no picture."""
        try:
            self.loop.call_soon_threadsafe(function, *arguments)
        except RuntimeError:
            self.job = None

    def close(self):
        """Forget a running job and free all widgets."""
        if getattr(self, "job", None):
            self.job.forget = True
        for widget in reversed(list(tree(self))):
            widgets.VBox.close(widget) if widget is self else widget.close()


class Switches(widgets.HBox):
    """A row of toggle buttons; `value` is the tuple of those that are on."""

    def __init__(self, control):
        super().__init__(layout=widgets.Layout(flex_flow="row wrap", align_items="center"))
        self.options = control.values
        self.buttons = [
            widgets.ToggleButton(description=text, tooltip=f"feature {option}")
            for option, text in zip(control.values, control.texts, strict=True)
        ]
        for button in self.buttons:
            button.add_class("fm-switch")
        self.children = [widgets.Label(control.label, layout=widgets.Layout(width="84px")), *self.buttons]
        self.value = control.default

    @property
    def value(self):
        return tuple(option for option, button in zip(self.options, self.buttons, strict=True) if button.value)

    @value.setter
    def value(self, chosen):
        for option, button in zip(self.options, self.buttons, strict=True):
            button.value = option in chosen

    def observe(self, handler, name):
        for button in getattr(self, "buttons", ()):
            button.observe(handler, name)


def make_input(control):
    """The widget of a control: its options are all that it can be set to."""
    if control.kind == "switches":
        return Switches(control)
    texts = control.texts or tuple(str(value).replace("-", "−") for value in control.values)
    kind = widgets.SelectionSlider if control.kind == "slider" else widgets.Dropdown
    return kind(
        options=list(zip(texts, control.values, strict=True)),
        value=control.default,
        description=control.label,
        tooltip=control.help,
        style={"description_width": "84px"},
    )


def mark_idle(field, idle, why):
    """Dim a control that has no effect, and let its tooltip say why; it stays usable, so that nothing is lost."""
    if isinstance(field, Switches):
        return
    field.tooltip = why
    (field.add_class if idle else field.remove_class)("fm-idle")


def running_loop():
    """The kernel's event loop, or None outside a kernel."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def tree(widget):
    """A widget and all below it."""
    yield widget
    for child in getattr(widget, "children", ()):
        yield from tree(child)
