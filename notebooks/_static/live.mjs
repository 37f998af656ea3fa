// What every live figure has: settings with controls, a link that keeps them, words that set them, a sentence that is
// spoken now and then, and training runs that play like a film.

import { initialWeights, serve } from "./training.mjs";
import { button, element, identifier, whole } from "./draw.mjs";

export const calm = () => window.matchMedia("(prefers-reduced-motion: reduce)").matches;

// ------------------------------------------------------------------------------------------------ settings

/** Settings are one of a few choices, one of a row of values, yes or no (toggle), or indices of features. */
export const oneOf = (label, choices) => ({ label, choices, initial: Object.keys(choices)[0] });
export const along = (label, values, initial) => ({ label, values, initial });
/** Specifications as a file has them: whole numbers by their ends. */
export const specsOf = (stored) => Object.fromEntries(Object.entries(stored).map(([name, spec]) =>
  [name, "to" in spec ? along(spec.label, whole(spec.from, spec.to), spec.initial) : spec]));
export const initialOf = (specs) => Object.fromEntries(Object.entries(specs).map(([name, spec]) => [name, spec.initial]));

/** What a text says of a setting, or undefined where that cannot be. */
function readSetting({ choices, values, toggle: yesOrNo, indices: features }, text) {
  if (choices) return text in choices ? text : undefined;
  if (values) return values.find((value) => String(value) === text);
  if (yesOrNo) return text === "1";
  return features ? readIndices(text, 1e9) : undefined;
}

/** Reads settings from "a=maml&n=32", or throws nothing: what cannot be is left as it is. */
function readSettings(text, specs, settings) {
  const given = Object.fromEntries(new URLSearchParams(text));
  const known = Object.entries(specs).filter(([name]) => name in given);
  const read = Object.fromEntries(known.map(([name, spec]) => [name, readSetting(spec, given[name]) ?? settings[name]]));
  return inside({ ...settings, ...read });
}

/** "0, 1, 2" as different indices below d, in order; undefined if it is not that. */
function readIndices(text, d) {
  const words = text.split(/[\s,;.]+/).filter(Boolean);
  const found = [...new Set(words.map(Number))].sort((i, j) => i - j);
  return found.length && found.every((j) => Number.isInteger(j) && j >= 0 && j < d) ? found : undefined;
}

/** True features are among the features. */
function inside(settings) {
  if (!settings.support || !settings.d) return settings;
  const support = settings.support.filter((j) => j < settings.d);
  return { ...settings, support: support.length ? support : [0] };
}

/** The settings that differ from `initial`, as an address has them. */
export function writeSettings(settings, initial) {
  return Object.keys(initial).filter((name) => String(settings[name]) !== String(initial[name]))
    .map((name) => `${name}=${typeof settings[name] === "boolean" ? Number(settings[name]) : settings[name]}`).join("&");
}

// ------------------------------------------------------------------------------------------------ controls

/** A labelled control for one setting: { box, input, show }; `show` moves it without telling anyone. */
function makeControl(name, spec, figure) {
  const id = identifier(name);
  const label = element("label", { for: id }, spec.label);
  const changed = (value) => figure.change({ [name]: value });
  if (spec.choices) return selectControl(id, label, spec, changed);
  if (spec.toggle) return toggleControl(id, label, changed);
  if (spec.indices) return indicesControl(id, label, changed, () => figure.settings.d);
  return rangeControl(id, label, spec, changed);
}

function selectControl(id, label, { choices }, changed) {
  const options = Object.entries(choices).map(([value, text]) => element("option", { value }, text));
  const input = element("select", { id, onchange: () => changed(input.value) }, ...options);
  const show = (value) => { input.value = value; };
  return { box: element("div", { class: "fm-control fm-choice" }, label, input), input, show };
}

function toggleControl(id, label, changed) {
  const input = element("input", { id, type: "checkbox", onchange: () => changed(input.checked) });
  const show = (value) => { input.checked = value; };
  return { box: element("div", { class: "fm-control" }, input, label), input, show };
}

function rangeControl(id, label, { values, text = String }, changed) {
  const output = element("output", { for: id, "aria-hidden": "true" });
  const oninput = () => changed(values[Number(input.value)]);
  const input = element("input", { id, type: "range", min: 0, max: values.length - 1, step: 1, oninput });
  const show = (value) => {
    input.value = values.indexOf(value);
    output.textContent = text(value);
    input.setAttribute("aria-valuetext", text(value));
  };
  return { box: element("div", { class: "fm-control fm-range" }, label, output, input), input, show };
}

function indicesControl(id, label, changed, count) {
  const hint = element("span", { class: "fm-hint", id: `${id}-hint`, role: "status" });
  const judge = (valid) => {
    hint.textContent = valid ? "" : `numbers from 0 to ${count() - 1}, such as 0, 1, 2`;
    input.setAttribute("aria-invalid", String(!valid));
  };
  const onchange = () => {
    const found = readIndices(input.value, count());
    judge(Boolean(found));
    if (found) changed(found);
  };
  const options = { type: "text", inputmode: "numeric", autocomplete: "off", spellcheck: "false" };
  const input = element("input", { id, ...options, "aria-describedby": `${id}-hint`, onchange });
  const show = (value) => { input.value = value.join(", "); judge(true); };
  return { box: element("div", { class: "fm-control fm-text" }, label, input, hint), input, show };
}

// ------------------------------------------------------------------------------------------------ a live figure

/**
 * A live figure. A subclass says which settings it has (`specs`), builds its parts (`build`), and draws them (`draw`).
 * `begin` is called once the object is whole.
 */
export class Explorer {
  constructor(figure, specs = {}) {
    this.figure = figure;
    this.specs = specs;
    this.initial = initialOf(specs);
    this.settings = readSettings(this.addressed, specs, this.initial); // as the link wants it
    const controls = Object.entries(specs).map(([name, spec]) => [name, makeControl(name, spec, this)]);
    this.controls = Object.fromEntries(controls);
    this.words = element("p", { class: "fm-summary", "aria-hidden": "true" }); // for the eye: always what is drawn
    this.spoken = element("p", { class: "fm-spoken", role: "status", "aria-live": "polite" });
    this.summary = element("div", {}, this.words, this.spoken);
    this.spokenAt = 0;
  }

  begin() {
    this.build();
    this.wireWords();
    this.showControls();
    this.prepare(this.settings, {});
    this.draw();
    this.arrive();
    window.addEventListener("load", () => this.arrive()); // what loads above may have moved it
    window.addEventListener("hashchange", () => { if (this.arrive()) this.open(); });
  }

  /** Changes settings as if the visitor had. */
  change(changes) {
    const before = this.settings;
    this.settings = inside({ ...before, ...changes });
    this.showControls();
    this.prepare(changes, before);
    this.draw();
    this.remember();
  }

  /** What has to be done before it is drawn. */
  prepare() {}

  showControls() {
    for (const [name, control] of Object.entries(this.controls)) control.show(this.settings[name]);
  }

  group(title, names) {
    const boxes = names.map((name) => this.controls[name].box);
    return element("fieldset", { class: "fm-group" }, element("legend", {}, title), ...boxes);
  }

  /** Puts the live figure in the place of the plain one, and keeps the caption. */
  hydrate(...parts) {
    const app = element("div", { class: "fm-app", role: "group", "aria-label": this.title }, ...parts);
    for (const plain of [...this.figure.children]) if (plain.tagName !== "FIGCAPTION") plain.remove();
    this.figure.prepend(app);
    this.figure.classList.add("fm-live");
    this.figure.explorer = this;
  }

  /** Calls back once, as soon as a part of the figure is on the screen. */
  whenSeen(callback) {
    const watcher = new IntersectionObserver((entries) => {
      if (!entries.some((entry) => entry.isIntersecting)) return;
      watcher.disconnect();
      callback();
    });
    watcher.observe(this.figure);
  }

  /** A heading one level below the one that the figure stands under. */
  heading(text = "", attributes = {}) {
    const before = (node) => node.compareDocumentPosition(this.figure) & Node.DOCUMENT_POSITION_FOLLOWING;
    const above = [...document.querySelectorAll("h1, h2, h3")].filter(before).at(-1);
    return element(`h${above ? Number(above.tagName[1]) + 1 : 2}`, { class: "fm-title", ...attributes }, text);
  }

  // -- what is said

  /** Shows a sentence at once. Speaks it at once if it must, else at most once a second, and the last one always. */
  say(sentence, must = false) {
    this.words.textContent = sentence();
    clearTimeout(this.sayTimer);
    const wait = must ? 0 : 1000 - (performance.now() - this.spokenAt);
    if (wait > 0) this.sayTimer = setTimeout(() => this.#speak(), wait);
    else this.#speak();
  }

  #speak() {
    if (this.spoken.textContent === this.words.textContent) return;
    this.spokenAt = performance.now();
    this.spoken.textContent = this.words.textContent;
  }

  // -- the words of the text that belong to the figure

  /** In the caption, and wherever data-figure names the figure: data-set words become buttons. */
  wireWords() {
    const { id } = this.figure;
    const mine = (name) => document.querySelectorAll(`#${id} figcaption [${name}], [data-figure="${id}"] [${name}]`);
    for (const word of mine("data-set")) {
      const text = word.dataset.set;
      word.replaceWith(button(word.textContent, () => this.obey(text), { class: "fm-word", "data-set": text }));
    }
    this.places = mine("data-tell");
  }

  /** Does what a word says: sets what it names, and shows the figure if it is out of sight. */
  obey(text) {
    this.change(readSettings(text, this.specs, this.settings));
    const block = this.figure.offsetHeight > innerHeight ? "start" : "nearest";
    this.figure.scrollIntoView({ behavior: calm() ? "instant" : "smooth", block });
  }

  /** Numbers in the text follow the figure. */
  tell(numbers) {
    for (const place of this.places ?? []) place.textContent = numbers[place.dataset.tell] ?? place.textContent;
  }

  /** Until a run has ended, its numbers are not known. */
  untold() {
    for (const place of this.places ?? []) place.textContent = "…";
  }

  // -- the link

  /** The settings that the address holds for this figure. */
  get addressed() {
    const prefix = `#${this.figure.id}?`;
    return location.hash.startsWith(prefix) ? location.hash.slice(prefix.length) : "";
  }

  get address() {
    const text = [writeSettings(this.settings, this.initial), this.extraAddress].filter(Boolean).join("&");
    return `#${this.figure.id}?${text}`;
  }

  /** Writes the settings into the address bar, once changes have paused. */
  remember() {
    clearTimeout(this.rememberTimer);
    this.rememberTimer = setTimeout(() => {
      try {
        history.replaceState(null, "", this.address);
      } catch { /* some browsers refuse this for file://; the link button still works */ }
    }, 250);
  }

  /** Scrolls to the figure if the address means it; whether it does. */
  arrive() {
    const meant = location.hash.startsWith(`#${this.figure.id}?`);
    if (meant) this.figure.scrollIntoView({ behavior: "instant", block: "start" });
    return meant;
  }

  /** Takes the settings of the address, as when the page was opened with it. */
  open() {
    this.change(readSettings(this.addressed, this.specs, this.initial));
  }

  linkButton() {
    const link = button("Copy link", async () => {
      try {
        await navigator.clipboard.writeText(location.href.split("#")[0] + this.address);
        link.textContent = "Copied";
      } catch {
        location.hash = this.address;
        link.textContent = "It is in the address bar";
      }
      setTimeout(() => { link.textContent = "Copy link"; }, 2000);
    }, { class: "fm-button fm-quiet" });
    return link;
  }
}

// ------------------------------------------------------------------------------------------------ training

/** Milliseconds of training between two messages: long in a worker, shorter than a frame where the page itself trains. */
const SLICE = { worker: 25, page: 10 };

/** Starts a place where runs are trained: a worker, or the page itself where workers are refused. */
function startPort() {
  if (typeof makeEngine === "function" && typeof Worker === "function") {
    try {
      // The build wraps the engine into the function makeEngine, because a worker needs it as text.
      const code = new Blob([`(${makeEngine})().serve(self);`], { type: "text/javascript" });
      const url = URL.createObjectURL(code);
      const worker = new Worker(url);
      URL.revokeObjectURL(url);
      return Object.assign(worker, { slice: SLICE.worker });
    } catch { /* refused: train between frames instead */ }
  }
  const { port1, port2 } = new MessageChannel();
  serve(port2);
  return Object.assign(port1, { slice: SLICE.page });
}

const runs = new Map();
const ports = [];

/** One of at most two places for all figures of the page; on two cores a second worker would take the page's own. */
function portOf(lane) {
  const index = navigator.hardwareConcurrency > 2 ? lane : 0;
  if (!ports[index]) {
    ports[index] = startPort();
    ports[index].onmessage = ({ data }) => runs.get(data.side).receive(data);
  }
  return ports[index];
}

const ENDED = new Set(["finished", "diverged"]);

/** One training run and its history. Every question to its port is answered by one snapshot, of which `told` hears. */
export class Run {
  constructor(told, lane = 0) {
    const history = { step: [], risk: [], lossStep: [], loss: [] };
    Object.assign(this, { told, lane, history, trail: [], name: identifier("run"), generation: 0, step: 0, status: "none" });
    runs.set(this.name, this);
  }

  begin(config) {
    this.port = portOf(this.lane);
    this.generation += 1;
    const initial = initialWeights(config);
    const history = { step: [], risk: [], lossStep: [], loss: [] };
    Object.assign(this, { config, initial, weights: initial, history, step: 0, status: "ready", pace: 4, waiting: true });
    this.port.postMessage({ run: this.generation, side: this.name, config });
  }

  get done() { return ENDED.has(this.status); }
  get risk() { return this.history.risk.at(-1); }

  /** Asks for the steps up to one, or for as many as fit into a time. */
  ask(upTo, milliseconds) {
    if (this.status === "none" || this.done || this.waiting || upTo <= this.step) return;
    this.waiting = true;
    this.port.postMessage({ run: this.generation, side: this.name, steps: upTo - this.step, milliseconds });
  }

  receive({ run, step, status, weights, stableRate, losses, risk, milliseconds }) {
    if (run !== this.generation) return; // an answer to a run that has been replaced
    const steps = step - this.step;
    if (steps > 0) this.pace = 0.7 * this.pace + 0.3 * (milliseconds / steps);
    const { history } = this;
    losses.forEach((loss, i) => {
      history.lossStep.push(step - losses.length + i + 1);
      history.loss.push(loss);
    });
    if (step !== history.step.at(-1)) {
      history.step.push(step);
      history.risk.push(risk);
    }
    Object.assign(this, { step, status, weights, stableRate, waiting: false });
    this.told(this);
  }
}

/** Plays runs side by side in about `length` milliseconds; who prefers calm sees a few still pictures, the last its end. */
export class Film {
  constructor(draw, length, stills = 10) {
    Object.assign(this, { draw, length, stills, runs: [], playing: false });
  }

  /** A run has answered. */
  told() {
    this.dirty = true;
    if (this.playing) this.#pump();
    else this.draw();
  }

  get running() { return this.runs.filter((run) => !run.done); }
  get done() { return this.runs.length > 0 && this.running.length === 0; }

  /** The step that all runs have reached which have not diverged; a diverged one has said so. */
  get reached() {
    const alive = this.runs.filter((run) => run.status !== "diverged");
    return Math.min(...(alive.length ? alive : this.runs).map((run) => run.step));
  }

  get #behind() { return Math.min(...this.runs.map((run) => run.step)); }

  play() {
    if (this.playing) return;
    this.startStep = this.drawnStep = this.#behind;
    Object.assign(this, { playing: true, startedAt: performance.now() });
    requestAnimationFrame(() => this.#frame());
  }

  pause() { this.playing = false; }

  /** One step on every run that stands where the last one stands. */
  stepOnce() {
    const next = Math.min(...this.running.map((run) => run.step)) + 1;
    for (const run of this.running) run.ask(next, Infinity);
  }

  /** Once every run has answered, asks for the next slice, the same steps of all. */
  #pump() {
    const { running } = this;
    if (!running.length || running.some((run) => run.waiting)) return;
    const { slice } = running[0].port;
    const paces = running.map((run) => run.pace);
    const oneAfterTheOther = new Set(running.map((run) => run.port)).size === 1;
    const pace = oneAfterTheOther ? paces.reduce((sum, each) => sum + each, 0) : Math.max(...paces);
    const ahead = Math.max(...running.map((run) => run.step));
    const played = performance.now() - this.startedAt + 30;
    const { steps } = running[0].config;
    const film = this.startStep + Math.ceil((steps * played) / (calm() ? 1 : this.length));
    const level = running.every((run) => run.step === ahead);
    const upTo = level ? Math.min(ahead + Math.max(1, Math.floor(slice / pace)), film) : ahead;
    for (const run of running) run.ask(upTo, slice);
  }

  #frame() {
    if (!this.playing) return;
    this.#pump();
    this.playing = !this.done;
    const still = calm() && this.playing && this.#behind < this.drawnStep + this.runs[0].config.steps / this.stills;
    if (this.dirty && !still) {
      this.dirty = false;
      this.drawnStep = this.#behind;
      this.draw();
    }
    if (this.playing) requestAnimationFrame(() => this.#frame());
  }
}

// ------------------------------------------------------------------------------------------------ a bar of buttons

export const bar = (...parts) => element("div", { class: "fm-bar" }, ...parts);
export const panel = (className, ...parts) => element("section", { class: `fm-panel ${className}` }, ...parts);
export const pair = (...parts) => element("div", { class: "fm-pair" }, ...parts);
export const keys = () => element("p", { class: "fm-keys" });
export const hint = (text) => element("p", { class: "fm-hint" }, text);
