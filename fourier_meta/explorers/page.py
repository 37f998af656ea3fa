"""The browser's side of a panel: its style, names for what ipywidgets leaves nameless, and a button that copies.

ipywidgets gives slider handles no accessible name and pictures no alt text. The script of the frame, which runs once
when the panel appears (`onload` of its style element), adds both, and makes the sentence a live region. Where a front
end forbids scripts, the panel works without them: the code still opens, by style alone.
"""

import html

from fourier_meta.explorers.picture import WIDTH

NAME_PARTS = """
const root = this.closest('.fm-explorer');
const set = (node, name, value) => { if (node.getAttribute(name) !== value) node.setAttribute(name, value); };
const name = () => {
  for (const box of root.querySelectorAll('.widget-hslider')) {
    const handle = box.querySelector('[role=slider]');
    if (!handle) continue;
    set(handle, 'aria-label', box.querySelector('.widget-label').textContent);
    set(handle, 'aria-valuetext', box.querySelector('.widget-readout').textContent);
  }
  for (const button of root.querySelectorAll('.fm-switch')) {
    set(button, 'aria-pressed', String(button.classList.contains('mod-active')));
  }
  const picture = root.querySelector('.widget-image');
  const sentence = root.querySelector('.fm-status .widget-html-content');
  if (picture) set(picture, 'alt', root.querySelector('.fm-alt').textContent);
  if (sentence) { set(sentence, 'role', 'status'); set(sentence, 'aria-live', 'polite'); }
};
name();
const changes = {subtree: true, childList: true, characterData: true, attributes: true, attributeFilter: ['class']};
new MutationObserver(name).observe(root, changes);
"""

COPY = """
const code = this.closest('.fm-explorer').querySelector('.fm-code code').textContent;
const say = (text) => { this.textContent = text; setTimeout(() => this.textContent = 'Copy as code', 1500); };
if (!this.parentNode.open) navigator.clipboard?.writeText(code).then(() => say('Copied'), () => say('Select and copy'));
"""
COPY_BUTTON = (
    '<details><summary class="jupyter-button" title="Show the Python that gives these numbers, and copy it"'
    f' onclick="{html.escape(COPY)}">Copy as code</summary></details>'
)

STYLE = f"""
.fm-explorer {{ max-width: {WIDTH}px; padding: 2px; color: var(--jp-ui-font-color1, inherit); }}
.fm-explorer .widget-label, .fm-explorer .widget-readout {{ color: var(--jp-ui-font-color1, inherit); }}
.fm-explorer .widget-label {{ text-align: left; }}
.fm-explorer .widget-inline-hbox {{ width: auto; margin: 1px 0; }}
.fm-explorer .widget-readout {{ min-width: 48px; max-width: 64px; text-align: right; flex: 0 0 auto; }}
.fm-explorer .fm-idle {{ opacity: 0.45; }}
.fm-explorer .fm-switch {{ width: auto; padding: 0 8px; margin: 1px 4px 1px 0; border-radius: 12px; }}
.fm-explorer .fm-switch.mod-active {{ background: #0072B2; color: white; }}
.fm-explorer .fm-switch:focus-visible, .fm-explorer summary:focus-visible {{ outline: 2px solid #56B4E9; }}
.fm-explorer .widget-button {{ width: 110px; margin: 4px 6px 6px 0; }}
.fm-explorer .fm-copy {{ margin: 4px 0 6px 0; height: auto; }}
.fm-explorer .fm-copy .widget-html-content {{ line-height: inherit; }}
.fm-explorer .fm-copy summary {{ width: 110px; box-sizing: border-box; cursor: pointer; list-style: none; }}
.fm-explorer .fm-copy summary::-webkit-details-marker {{ display: none; }}
.fm-explorer .widget-image {{ max-width: 100%; height: auto; margin: 0; background: white; border-radius: 4px; }}
.fm-explorer .fm-status .widget-html-content {{ min-height: 2.9em; line-height: 1.45; font-size: 13px; }}
.fm-explorer .fm-code {{ display: none; }}
.fm-explorer:has(.fm-copy details[open]) .fm-code {{ display: block; }}
.fm-explorer .fm-code pre {{ margin: 0; padding: 8px 10px; overflow-x: auto; border-radius: 4px; line-height: 1.4;
  font-size: 12px; background: var(--jp-layout-color2, #eee); color: var(--jp-content-font-color1, inherit); }}
.fm-explorer .fm-alt {{ display: none; }}
"""


def frame(alt):
    """The style and the script of a panel, and the alt text of its picture."""
    return f'<style onload="{html.escape(NAME_PARTS)}">{STYLE}</style><span class="fm-alt">{html.escape(alt)}</span>'


def sentence(text):
    """The status line."""
    return f"<div>{html.escape(text)}</div>"


def code(text):
    """Python, to be read and copied."""
    return f"<pre tabindex=0><code>{html.escape(text)}</code></pre>"
