// Every act by name (Ctrl+K or /), and the sheet of keys (?). Both are dialogs of the browser.
const SHEET = [
  ["↑ ↓", "Part above, below"],
  ["→ ←", "Into a layer, out; between experts; to the repeat"],
  ["Enter", "Open or close a layer; show other parts in the inspector"],
  ["Space", "Add to the selection, or take out"],
  ["Shift+↑ ↓", "Extend the selection"],
  ["Alt+↑ ↓", "Move up, down"],
  ["Shift+→ ←", "Expert wider, narrower by one snap"],
  ["Alt+Shift+→ ←", "The same by one unit"],
  ["A F M E S", "Add attention, FFN, MoE layer, experts, shared expert below"],
  ["[ ]", "Repeat fewer, more"],
  ["Ctrl+Z, Ctrl+Shift+Z", "Undo, redo"],
  ["Ctrl+C, X, V, D", "Copy, cut, paste, duplicate"],
  ["Delete", "Delete"],
  ["+ − 0", "Zoom in, out, fit"],
  ["H", "Colour by a quantity; again: the next one"],
  ["F8, Shift+F8", "Next, previous problem; Enter does its fix"],
  ["Ctrl+K or /", "Every act by name"],
  ["?", "This sheet"],
  [
    "Mouse",
    "Drag a part to move it, the edge of an expert to resize it (Alt: by units, Shift: its whole group), the empty stage to pan; Shift and drag to select; Ctrl and wheel to zoom",
  ],
];

function commanding(ui) {
  const { finder, sheet } = ui;
  let back = null;
  // The focus goes back where it was before an act moves it on; where a redraw chose another part meanwhile, to that.
  const restore = () => {
    const to = back;
    back = null;
    if (to?.isConnected && !(ui.redone && to.closest(".part"))) to.focus();
    else if (to) ui.refocus();
  };
  const show = (dialog) => {
    back = ui.focused();
    ui.redone = false;
    dialog.showModal();
  };
  for (const dialog of [finder, sheet]) {
    dialog.addEventListener("close", () => restore());
    dialog.addEventListener("click", (event) => {
      if (event.target === dialog) dialog.close();
    });
    dialog.addEventListener("keydown", (event) => event.stopPropagation());
  }

  ui.keys = () => {
    if (!sheet.childElementCount)
      sheet.append(
        h(
          "header",
          {},
          h("h2", { id: "sheet-title" }, "Keyboard and mouse"),
          h("button", { type: "button", class: "fix", onclick: () => sheet.close() }, "Close"),
        ),
        h(
          "table",
          {},
          h(
            "thead",
            { class: "sr" },
            h("tr", {}, h("th", { scope: "col" }, "Key"), h("th", { scope: "col" }, "Does")),
          ),
          h(
            "tbody",
            {},
            SHEET.map(([key, does]) =>
              h("tr", {}, h("th", { scope: "row" }, h("kbd", {}, key)), h("td", {}, does)),
            ),
          ),
        ),
      );
    show(sheet);
  };

  // ---- the list of commands
  const input = finder.querySelector("input"),
    list = finder.querySelector("[role=listbox]");
  let found = [],
    at = 0,
    about = null;
  ui.find = () => {
    about = ui.here();
    input.value = "";
    show(finder);
    fill();
    input.focus();
  };
  const mark = () => {
    [...list.children].forEach((option, i) => option.setAttribute("aria-selected", String(i === at)));
    const option = list.children[at];
    if (option?.id) input.setAttribute("aria-activedescendant", option.id);
    else input.removeAttribute("aria-activedescendant");
    option?.scrollIntoView({ block: "nearest" });
  };
  const run = (command) => {
    if (!command || command.off) return;
    finder.close();
    restore();
    command.run();
  };
  function fill() {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    const score = (command) => {
      const text = command.name.toLowerCase(),
        more = `${command.group} ${command.help || ""}`.toLowerCase();
      if (!words.every((word) => text.includes(word) || more.includes(word) || fuzzy(word, text))) return 0;
      return words.reduce(
        (sum, word) =>
          sum +
          (text.startsWith(word)
            ? 8
            : text.includes(` ${word}`)
              ? 6
              : text.includes(word)
                ? 4
                : more.includes(word)
                  ? 1
                  : 0),
        1,
      );
    };
    found = commands(ui, about)
      .map((command) => [score(command), command])
      .filter(([value]) => value > 0)
      .sort((a, b) => b[0] - a[0])
      .map(([, command]) => command);
    at = 0;
    list.replaceChildren(
      ...found.map((command, i) =>
        h(
          "div",
          {
            role: "option",
            id: `command-${i}`,
            "aria-disabled": command.off ? "true" : null,
            onclick: () => run(command),
          },
          h("span", { class: "name" }, command.name),
          h("span", { class: "note" }, command.off || command.group),
          command.key ? h("kbd", {}, command.key) : null,
        ),
      ),
    );
    finder.querySelector(".none").hidden = found.length > 0;
    list.hidden = !found.length;
    input.setAttribute("aria-expanded", String(found.length > 0));
    mark();
  }
  input.addEventListener("input", fill);
  finder.addEventListener("keydown", (event) => {
    const by = { ArrowDown: 1, ArrowUp: -1, PageDown: 8, PageUp: -8 }[event.key];
    if (by) {
      at = Math.max(0, Math.min(found.length - 1, at + by));
      mark();
    } else if (event.key === "Enter") run(found[at]);
    else return;
    event.preventDefault();
  });
}

/** Whether the letters of `word` stand in `text` in their order, all in one word of it. */
const fuzzy = (word, text) =>
  new RegExp([...word].map((letter) => letter.replace(/[^\w]/g, "\\$&")).join("\\w*")).test(text);

function commands(ui, about) {
  const { data } = ui,
    on = about ? about.title : "",
    part = (name, key, run) => ({ group: on, name, key, run, off: about ? "" : "Choose a part first" });
  const fixes = ui
    .problems()
    .flatMap((problem) =>
      (problem.fixes || []).map((fix) => ({
        group: problem.title,
        name: fix.label,
        run: () => ui.mend(fix),
      })),
    );
  return [
    ...fixes,
    ...data.palette.flatMap((group) =>
      group.items.map((item) => ({
        group: group.title,
        key: item.key,
        help: item.help,
        run: () => ui.add(item),
        name: `${{ method: "Route by", start: "Open" }[item.type] || "Add"} ${item.name}`,
      })),
    ),
    part("Duplicate", "Ctrl+D", () => ui.onTargets("duplicate")),
    part("Delete", "Delete", () => ui.remove()),
    part("Copy", "Ctrl+C", () => ui.copy()),
    part("Cut", "Ctrl+X", () => ui.remove("cut")),
    {
      group: on,
      name: "Paste",
      key: "Ctrl+V",
      off: data.clip ? "" : "Nothing was copied",
      run: () => ui.paste(""),
    },
    part("Move up", "Alt+↑", () => ui.onTargets("move", { by: -1 })),
    part("Move down", "Alt+↓", () => ui.onTargets("move", { by: 1 })),
    part("Repeat more", "]", () => ui.repeat(1)),
    part("Repeat fewer", "[", () => ui.repeat(-1)),
    part("Gather into one repeat", "", () => ui.onTargets("gather")),
    part("Unroll the repeat", "", () => ui.onTargets("unroll")),
    ...(about?.inner
      ? [part("Wider", "Shift+→", () => ui.widen(1)), part("Narrower", "Shift+←", () => ui.widen(-1))]
      : []),
    ...(about?.folds
      ? [part(about.folds === "open" ? "Close the layer" : "Open the layer", "Enter", () => ui.fold(about))]
      : []),
    { group: "Layers", name: "Open all layers", run: () => ui.foldAll(true) },
    { group: "Layers", name: "Close all layers", run: () => ui.foldAll(false) },
    { group: "Design", name: "Undo", key: "Ctrl+Z", run: () => ui.history("undo") },
    { group: "Design", name: "Redo", key: "Ctrl+Shift+Z", run: () => ui.history("redo") },
    {
      group: "Design",
      name: "Next problem",
      key: "F8",
      off: data.problems ? "" : "There is none",
      run: () => ui.nextProblem(1),
    },
    { group: "Colours", name: "Build: colour by kind of part", run: () => ui.heat("") },
    ...data.heats.map((heat) => ({
      group: "Colours",
      name: `Heat: ${heat.name}`,
      key: "H",
      off: heat.off,
      run: () => ui.heat(heat.key),
    })),
    { group: "View", name: "Zoom in", key: "+", run: () => ui.step(1) },
    { group: "View", name: "Zoom out", key: "−", run: () => ui.step(-1) },
    { group: "View", name: "Fit to the window", key: "0", run: () => ui.zoom(0) },
    { group: "Drawing", name: "Save the drawing as SVG", run: () => ui.save("svg") },
    { group: "Drawing", name: "Save the drawing as PNG", run: () => ui.save("png") },
    { group: "Help", name: "Keyboard shortcuts", key: "?", run: () => ui.keys() },
  ];
}
