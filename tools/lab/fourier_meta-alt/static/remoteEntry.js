// JupyterLab draws a stored picture without its alt text. This renderer draws the same picture and keeps the words;
// in a dark theme a picture that has words is dark, too, as on the site.
// It is an extension without a build: a container as JupyterLab loads it, `init` and `get`, written by hand.

let shared;

async function renderer() {
  const [lumino] = Object.values(shared["@lumino/widgets"]);
  const { Widget } = (await lumino.get())();

  const style = document.createElement("style");
  style.textContent = '[data-jp-theme-light="false"] img.fm-told { filter: invert(0.88) hue-rotate(180deg); }';
  document.head.append(style);

  class Picture extends Widget {
    async renderModel(model) {
      const { alt = "", width, height, unconfined } = model.metadata["image/png"] ?? {};
      const picture = Object.assign(new Image(), { alt, src: `data:image/png;base64,${model.data["image/png"]}` });
      if (width) picture.width = width;
      if (height) picture.height = height;
      picture.classList.toggle("jp-mod-unconfined", unconfined === true);
      picture.classList.toggle("fm-told", alt !== "");
      const background = model.metadata.needs_background;
      if (background) picture.classList.add(`jp-needs-${background}-background`);
      this.addClass("jp-RenderedImage");
      this.node.replaceChildren(picture);
    }
  }

  return {
    id: "fourier_meta-alt:plugin",
    rank: 85, // before JupyterLab's own, which has 90
    dataType: "string",
    rendererFactory: { safe: true, mimeTypes: ["image/png"], createRenderer: () => new Picture() },
  };
}

(window._JUPYTERLAB ??= {})["fourier_meta-alt"] = {
  init: (scope) => { shared = scope; },
  get: async () => {
    const found = await renderer();
    return () => ({ __esModule: true, default: found });
  },
};
