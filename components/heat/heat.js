// Rows x experts. All frames arrive once; scrubbing and playing stay in the browser.
const kept = new WeakMap();
const FRAME_MS = 120;

const percent = (thousandths) => `${Math.round(thousandths / 10)}`;
const grouped = (number) => String(number).replace(/\B(?=(\d{3})+$)/g, "\u2009");

const cross = (x, y, r) => `M${x - r} ${y - r}L${x + r} ${y + r}M${x + r} ${y - r}L${x - r} ${y + r}`;

function named(data, row, expert) {
  const kind = data.kinds[row]?.[expert];
  return `expert ${expert}${kind ? ` (${kind})` : ""}`;
}

function drawing(root, data, frame, pick) {
  const scale = stops(root),
    rows = data.rows.length,
    width = Math.max(280, root.clientWidth);
  const left = Math.min(130, 16 + 6.6 * Math.max(...data.rows.map((name) => name.length), data.corner?.length ?? 1)),
    top = 20;
  const cell = (width - left) / data.experts,
    tall = Math.max(18, Math.min(34, cell, 260 / Math.max(rows, 1)));
  const height = top + rows * tall + 2,
    every = cell < 14 ? 8 : cell < 24 ? 4 : 1;
  const svg = s("svg", {
    viewBox: `0 0 ${width} ${height}`,
    width,
    height,
    role: "img",
    "aria-label": data.alt,
  });
  if (data.corner) svg.append(s("text", { x: left - 8, y: 12, "text-anchor": "end" }, data.corner));
  for (let e = 0; e < data.experts; e++) {
    const words = [e % every ? "" : e, data.signs[e]].join(" ").trim();
    if (words) svg.append(s("text", { x: left + (e + 0.5) * cell, y: 12, "text-anchor": "middle" }, words));
  }
  data.frames[frame].forEach((values, r) => {
    const name = data.rows[r],
      fits = Math.floor((left - 12) / 6.6);
    svg.append(
      s(
        "text",
        { class: "row", x: left - 8, y: top + (r + 0.5) * tall + 4, "text-anchor": "end" },
        name.length > fits ? name.slice(0, fits - 1) + "…" : name,
      ),
    );
    values.forEach((value, e) => {
      const x = left + e * cell,
        y = top + r * tall,
        rgb = colour(scale, value / data.top);
      const box = s(
        "rect",
        {
          class: value < 0 ? "cell dead" : "cell",
          x: x + 1,
          y: y + 1,
          width: cell - 2,
          height: tall - 2,
          rx: 2.5,
          fill: value < 0 ? null : `rgb(${rgb.join(" ")})`,
        },
        s("title", {}, `${name}, ${named(data, r, e)}: ${value < 0 ? "no token" : (value / 10).toFixed(1) + " %"}`),
      );
      if (data.picks) box.onclick = () => pick(r, e);
      svg.append(box);
      if (value < 0)
        svg.append(
          s("path", {
            class: "cross",
            d: cross(x + cell / 2, y + tall / 2, Math.min(4, 0.25 * cell)),
          }),
        );
      else if (data.numbers && cell >= 20)
        svg.append(
          s(
            "text",
            {
              class: "number",
              x: x + cell / 2,
              y: y + tall / 2 + 4,
              "text-anchor": "middle",
              style: `fill:${ink(rgb)}`,
            },
            percent(value),
          ),
        );
    });
  });
  if (data.selected) {
    const [r, e] = data.selected,
      one = e !== null;
    svg.append(
      s("rect", {
        class: "selected",
        x: left + (one ? e * cell : 0),
        y: top + r * tall,
        rx: 3.5,
        width: one ? cell : data.experts * cell,
        height: tall,
      }),
    );
  }
  return svg;
}

function legend(root, data) {
  const colours = stops(root)
    .map((rgb) => `rgb(${rgb.join(" ")})`)
    .join();
  const fair = `fair share ${(data.fair / 10).toFixed(1)} %`;
  const crossed = data.frames.some((frame) => frame.some((row) => row.includes(-1)));
  const bar = h("span", { class: "bar", css: { background: `linear-gradient(90deg,${colours})` } });
  if (data.even)
    bar.append(h("span", { class: "fair", css: { left: `${100 * Math.pow(data.fair / data.top, 0.75)}%` } }));
  return h(
    "div",
    { class: "legend" },
    "0",
    bar,
    `${percent(data.top)} %`,
    h(
      "span",
      { class: "words" },
      [data.even && `${fair} marked`, crossed && "crossed out: no token", ...data.said].filter(Boolean).join(", "),
    ),
  );
}

export default function ({ parentElement, data, setStateValue }) {
  const root = parentElement.querySelector(".heat"),
    last = data.frames.length - 1;
  const state = kept.get(parentElement) || { frame: null, timer: null };
  kept.set(parentElement, state);
  clearInterval(state.timer);
  state.timer = null;
  // Who looks at the newest frame keeps looking at the newest.
  if (state.frame === null || state.frame >= state.last || state.frame > last) state.frame = last;
  state.last = last;
  root.classList.toggle("picks", data.picks);

  const place = h("div", {}),
    pick = (r, e) => setStateValue("cell", [r, e]);
  const draw = () => place.replaceChildren(...(last < 0 ? [] : [drawing(root, data, state.frame, pick)]));
  const children = [place, legend(root, data)];
  if (last > 0) {
    const out = h("output", {});
    const range = h("input", {
      type: "range",
      min: 0,
      max: last,
      value: state.frame,
      "aria-label": "Training step",
    });
    const show = (frame) => {
      state.frame = frame;
      range.value = frame;
      out.textContent = `step ${grouped(data.steps[frame])}`;
      range.setAttribute("aria-valuetext", `step ${data.steps[frame]}`);
      draw();
    };
    range.oninput = () => show(+range.value);
    range.onkeydown = (event) => {
      const by = { PageUp: 10, PageDown: -10 }[event.key];
      if (!by) return;
      event.preventDefault();
      show(Math.max(0, Math.min(last, state.frame + by)));
    };
    const play = h(
      "button",
      { class: "play", type: "button" },
      s(
        "svg",
        { width: 12, height: 12, viewBox: "0 0 12 12", "aria-hidden": "true" },
        s("path", { d: "M3 1.8v8.4L10 6z", fill: "currentColor" }),
      ),
      "Play",
    );
    play.onclick = () => {
      if (matchMedia("(prefers-reduced-motion: reduce)").matches)
        return show(state.frame >= last ? 0 : state.frame + 1);
      if (state.timer) {
        clearInterval(state.timer);
        state.timer = null;
        return undefined;
      }
      show(0);
      state.timer = setInterval(() => {
        show(Math.min(last, state.frame + 1));
        if (state.frame >= last) {
          clearInterval(state.timer);
          state.timer = null;
        }
      }, FRAME_MS);
      return undefined;
    };
    out.textContent = `step ${grouped(data.steps[state.frame])}`;
    range.setAttribute("aria-valuetext", `step ${data.steps[state.frame]}`);
    children.unshift(h("div", { class: "top" }, play, range, out));
  }
  root.replaceChildren(...children);
  draw();
  state.watcher?.disconnect();
  let width = root.clientWidth;
  state.watcher = new ResizeObserver(() => {
    if (root.clientWidth === width) return;
    width = root.clientWidth;
    draw();
  });
  state.watcher.observe(root);
  return () => {
    clearInterval(state.timer);
    state.watcher.disconnect();
  };
}
