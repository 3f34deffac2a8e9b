// Cells of a text. Eight hues and four kinds of line tell experts apart; the number below says which it is.
const DASHES = ["solid", "dashed", "dotted", "double"];
const REST_MS = 250;
const chosen = new WeakMap();

export default function ({ parentElement, data, setStateValue }) {
  const root = parentElement.querySelector(".tokens"),
    hues = palette(root);
  const state = chosen.get(parentElement) || { at: -1, timer: null };
  chosen.set(parentElement, state);
  clearTimeout(state.timer);
  state.at = data.selected;
  root.classList.toggle("wide", data.wide);

  const cells = data.cells.map((cell, i) =>
    h(
      "div",
      {
        class: cell.off ? "cell off" : "cell",
        role: "option",
        id: `${data.label}-${i}`.replace(/\W+/g, "-"),
        "aria-label": cell.said,
        "aria-selected": i === state.at ? "true" : "false",
        css: cell.kind < 0 ? {} : { "--hue": hues[cell.kind % hues.length], "--dash": dash(cell.kind, hues.length) },
        onclick: () => choose(i, 0),
      },
      h("b", { "aria-hidden": "true" }, cell.text),
      h("span", { "aria-hidden": "true" }, cell.below),
    ),
  );
  const list = h("div", { role: "listbox", tabindex: 0, "aria-label": data.label });
  let line = h("div", { class: "line", role: "presentation" });
  cells.forEach((cell, i) => {
    line.append(cell);
    if (data.cells[i].ends || i === cells.length - 1) {
      list.append(line);
      line = h("div", { class: "line", role: "presentation" });
    }
  });

  function choose(i, wait) {
    if (i === state.at) return;
    cells[state.at]?.setAttribute("aria-selected", "false");
    state.at = i;
    cells[i].setAttribute("aria-selected", "true");
    list.setAttribute("aria-activedescendant", cells[i].id);
    reveal(root, cells[i]);
    clearTimeout(state.timer);
    state.timer = setTimeout(() => setStateValue("token", i), wait);
  }
  list.onkeydown = (event) => {
    const to = aim(event.key, cells, state.at);
    if (to === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    choose(to, REST_MS);
  };
  const focused = root.contains(root.getRootNode().activeElement);
  root.replaceChildren(list);
  if (cells[state.at]) list.setAttribute("aria-activedescendant", cells[state.at].id);
  if (focused) list.focus({ preventScroll: true });
  return () => clearTimeout(state.timer);
}

const dash = (kind, hues) => DASHES[Math.floor(kind / hues) % DASHES.length];

// Scrolls inside the part only: the page stays where it is.
function reveal(root, cell) {
  const box = root.getBoundingClientRect(),
    mine = cell.getBoundingClientRect();
  if (mine.top < box.top) root.scrollTop -= box.top - mine.top + 4;
  if (mine.bottom > box.bottom) root.scrollTop += mine.bottom - box.bottom + 4;
}

// Where a key leads; up and down go to the cell that is nearest in the row above or below.
function aim(key, cells, at) {
  const last = cells.length - 1;
  if (key === "ArrowRight") return Math.min(last, at + 1);
  if (key === "ArrowLeft") return Math.max(0, at - 1);
  if (key === "Home") return 0;
  if (key === "End") return last;
  if (key !== "ArrowUp" && key !== "ArrowDown") return undefined;
  if (!cells[at]) return 0;
  const down = key === "ArrowDown",
    from = cells[at].getBoundingClientRect(),
    middle = from.left + from.width / 2;
  let best = at,
    row = null,
    away = Infinity;
  for (let i = at; i >= 0 && i <= last; i += down ? 1 : -1) {
    const box = cells[i].getBoundingClientRect();
    if (Math.abs(box.top - from.top) < 2) continue;
    row ??= box.top;
    if (Math.abs(box.top - row) > 2) break;
    const off = Math.abs(box.left + box.width / 2 - middle);
    if (off < away) [best, away] = [i, off];
  }
  return best;
}
