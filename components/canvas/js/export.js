// The drawing as a file that stands alone: what is on screen, read off its elements, colours as they are now.
function exporting(ui) {
  ui.save = async (kind) => {
    const svg = drawingOf(ui),
      blob = new Blob([new XMLSerializer().serializeToString(svg)], { type: "image/svg+xml" });
    download(kind === "svg" ? blob : await bitmap(blob, svg), `${ui.data.name || "design"}.${kind}`);
    ui.say(`Saved the drawing as ${kind.toUpperCase()}.`);
  };
  function download(blob, name) {
    const link = h("a", { href: URL.createObjectURL(blob), download: name });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  }
  async function bitmap(blob, svg) {
    const image = new Image(),
      url = URL.createObjectURL(blob),
      canvas = document.createElement("canvas");
    image.src = url;
    await image.decode();
    canvas.width = 2 * svg.getAttribute("width");
    canvas.height = 2 * svg.getAttribute("height");
    canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
    URL.revokeObjectURL(url);
    return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
  }
}

/** Colours that every reader of SVG knows: the browser computes mixtures as color(srgb r g b / a). */
function plain(colour) {
  const found = /^color\(srgb ([^)]*)\)$/.exec(colour);
  if (!found) return colour;
  const [r, g, b, a = 1] = found[1]
    .split(/[\s/]+/)
    .filter(Boolean)
    .map(Number);
  return `rgba(${[r, g, b].map((value) => Math.round(255 * value)).join(", ")}, ${a})`;
}

function drawingOf(ui) {
  const { picture, name } = ui.data,
    k = ui.k(),
    pad = 14,
    origin = ui.world.getBoundingClientRect(),
    root = getComputedStyle(ui.stage);
  const width = Math.ceil(picture.width + 2 * pad),
    height = Math.ceil(picture.height + 2 * pad),
    own = (value) => Math.round(value * 100) / 100;
  const body = s("g", { transform: `translate(${pad} ${pad})` });
  const out = s(
    "svg",
    { xmlns: SVG, width, height, viewBox: `0 0 ${width} ${height}`, "font-family": "Inter, sans-serif" },
    s("title", {}, name || "Design"),
    s("rect", { width, height, fill: plain(root.backgroundColor) }),
    body,
  );
  const rect = (r) => ({
    x: own((r.left - origin.left) / k),
    y: own((r.top - origin.top) / k),
    width: own(r.width / k),
    height: own(r.height / k),
  });
  const clear = (colour) => /^(rgba\(0, 0, 0, 0\)|transparent)$/.test(colour) || / \/ 0\)$/.test(colour);

  const shape = (node) => {
    const style = getComputedStyle(node),
      edge = parseFloat(style.borderTopWidth),
      lined = edge > 0 && !clear(style.borderTopColor);
    if (clear(style.backgroundColor) && !lined) return;
    const r = rect(node.getBoundingClientRect()),
      half = lined ? edge / 2 : 0;
    body.append(
      s("rect", {
        x: r.x + half,
        y: r.y + half,
        width: Math.max(0, r.width - 2 * half),
        height: Math.max(0, r.height - 2 * half),
        rx: Math.min(parseFloat(style.borderTopLeftRadius) || 0, r.height / 2),
        fill: clear(style.backgroundColor) ? "none" : plain(style.backgroundColor),
        stroke: lined ? plain(style.borderTopColor) : null,
        "stroke-width": lined ? edge : null,
      }),
    );
  };
  const words = (text, node) => {
    const range = document.createRange();
    range.selectNodeContents(text);
    const r = rect(range.getBoundingClientRect()),
      style = getComputedStyle(node);
    if (!text.data.trim() || !r.width) return;
    const room = node.clientWidth || r.width,
      cut = style.textOverflow === "ellipsis" && r.width > room + 1;
    if (cut && room < 12) return;
    const shown = cut
      ? `${text.data.slice(0, Math.floor((text.data.length * room) / r.width) - 2)}…`
      : text.data;
    body.append(
      s(
        "text",
        {
          x: r.x,
          y: own(r.y + r.height / 2 + 0.36 * parseFloat(style.fontSize)),
          fill: plain(style.color),
          "font-size": style.fontSize,
          "font-weight": style.fontWeight,
          textLength: cut ? null : r.width,
          lengthAdjust: "spacingAndGlyphs",
        },
        shown,
      ),
    );
  };
  const icon = (node) => {
    const copy = node.cloneNode(true),
      style = getComputedStyle(node);
    Object.entries(rect(node.getBoundingClientRect())).forEach(([key, value]) =>
      copy.setAttribute(key, value),
    );
    copy.setAttribute("stroke", plain(style.color));
    body.append(copy);
  };
  const walk = (node) => {
    if (node.nodeType === Node.TEXT_NODE) {
      words(node, node.parentElement);
      return;
    }
    if (node.matches?.(".sr, .grip, .fork, .count")) return;
    if (node.tagName === "svg") {
      icon(node);
      return;
    }
    shape(node);
    node.childNodes.forEach(walk);
  };
  const wires = () =>
    ui.wires.childNodes.forEach((node) => {
      const copy = node.cloneNode(true),
        style = getComputedStyle(node);
      copy.removeAttribute("class");
      if (node.tagName === "text") {
        copy.setAttribute("fill", plain(style.fill));
        copy.setAttribute("font-size", style.fontSize);
      } else
        Object.entries({
          fill: "none",
          stroke: plain(style.stroke),
          "stroke-width": style.strokeWidth,
          "stroke-dasharray": style.strokeDasharray,
        }).forEach(([key, value]) => copy.setAttribute(key, value));
      body.append(copy);
    });
  const boxes = [...ui.boxes.children];
  boxes.filter((node) => node.box.kind === "panel").forEach(walk);
  wires();
  boxes.filter((node) => node.box.kind !== "panel").forEach(walk);
  return out;
}
