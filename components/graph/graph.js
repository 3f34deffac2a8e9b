// Experts at the places that were worked out for them, lines between those that meet more often than by chance.
const HEIGHT = 380,
  EDGE = 26;

export default function ({ parentElement, data }) {
  const root = parentElement.querySelector(".graph"),
    told = h("p", { class: "told", role: "status" });
  let chosen = null;
  const draw = () => {
    const width = Math.max(260, root.clientWidth);
    const svg = drawing(root, data, width, chosen, (e) => choose(e));
    svg.onkeydown = (event) => {
      const by = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
      if (!by) return;
      event.preventDefault();
      const last = data.nodes.length - 1;
      choose(chosen === null ? (by > 0 ? 0 : last) : Math.max(0, Math.min(last, chosen + by)));
    };
    const focused = root.firstChild?.matches?.(":focus");
    root.replaceChildren(svg, groups(root, data), told);
    if (focused) svg.focus();
  };
  const choose = (expert) => {
    chosen = expert;
    told.textContent = sentence(data, expert);
    draw();
  };
  told.textContent = "Arrow keys or a click choose an expert and name its partners.";
  draw();
  let width = root.clientWidth;
  const watcher = new ResizeObserver(() => {
    if (root.clientWidth === width) return;
    width = root.clientWidth;
    draw();
  });
  watcher.observe(root);
  return () => watcher.disconnect();
}

const hue = (colours, group) => (group < 0 ? "var(--ink3)" : colours[group % colours.length]);
// After eight groups hues come again, with another line.
const dash = (group) => [null, "4 2", "1.5 2", "6 2 1.5 2"][Math.floor(Math.max(0, group) / 8) % 4];

function drawing(root, data, width, chosen, choose) {
  const colours = palette(root),
    most = Math.max(...data.nodes.map((node) => node.share), 1e-9),
    strongest = Math.max(...data.edges.map(([, , lift]) => lift), 1);
  const svg = s("svg", {
    width,
    height: HEIGHT,
    viewBox: `0 0 ${width} ${HEIGHT}`,
    tabindex: 0,
    role: "application",
    "aria-roledescription": "graph",
    "aria-label": `${data.alt} Arrow keys walk over the experts.`,
  });
  const at = ({ x, y }) => [EDGE + x * (width - 2 * EDGE), EDGE + y * (HEIGHT - 2 * EDGE)];
  for (const [a, b, lift] of data.edges) {
    const [ax, ay] = at(data.nodes[a]),
      [bx, by] = at(data.nodes[b]);
    const same = data.nodes[a].group === data.nodes[b].group,
      lit = chosen === a || chosen === b;
    svg.append(
      s("line", {
        class: lit ? "edge lit" : "edge",
        x1: ax,
        y1: ay,
        x2: bx,
        y2: by,
        "stroke-width": (0.6 + (3 * (lift - 1)) / (strongest - 1 || 1)).toFixed(2),
        style: same && !lit ? `stroke:${hue(colours, data.nodes[a].group)}` : null,
        opacity: chosen === null || lit ? null : 0.25,
      }),
    );
  }
  data.nodes.forEach((node, e) => {
    const [x, y] = at(node),
      disc = s(
        "g",
        { class: e === chosen ? "node chosen" : "node", transform: `translate(${x} ${y})` },
        s("title", {}, sentence(data, e)),
        s("circle", {
          r: (8 + 9 * Math.sqrt(node.share / most)).toFixed(1),
          stroke: hue(colours, node.group),
          "stroke-dasharray": dash(node.group),
        }),
        s("text", { y: 4, "text-anchor": "middle" }, String(e)),
      );
    disc.onclick = () => choose(e);
    svg.append(disc);
  });
  return svg;
}

function groups(root, data) {
  const colours = palette(root),
    members = new Map();
  data.nodes.forEach((node, e) => members.set(node.group, [...(members.get(node.group) ?? []), e]));
  const items = [...members]
    .sort(([a], [b]) => (a < 0 ? 1 : b < 0 ? -1 : a - b))
    .map(([group, experts]) =>
      h(
        "li",
        {},
        h("span", { class: "swatch", "aria-hidden": "true", css: { "border-color": hue(colours, group) } }),
        `${group < 0 ? "No partner" : `Group ${group + 1}`}: ${experts.length > 1 ? "experts" : "expert"} ${experts.join(", ")}`,
      ),
    );
  return h("ul", { class: "groups" }, items);
}

function sentence(data, expert) {
  const node = data.nodes[expert],
    partners = data.edges
      .filter(([a, b]) => a === expert || b === expert)
      .sort((one, other) => other[2] - one[2])
      .map(([a, b, lift]) => `${a === expert ? b : a} (${lift.toFixed(1)})`);
  const group = node.group < 0 ? "no partner" : `group ${node.group + 1}`;
  const meets = partners.length ? `meets, times as often as by chance: ${partners.join(", ")}` : "meets none more than by chance";
  return `Expert ${expert}, ${group}, ${(100 * node.share).toFixed(1)}\u2009% of the load, ${meets}.`;
}
