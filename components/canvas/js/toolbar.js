// The list of parts on the left, and the bar above the drawing: Build or Heat, problems, zoom, saving, keys.
function partList(ui) {
  const { palette: side } = ui;
  let shown = "",
    whole = false; // whether families of methods are listed, instead of those that most look for
  const settle = rove(side, true);
  const entry = (item) => {
    const button = h(
      "button",
      { type: "button", class: `item k-${item.glyph}`, title: item.help, onclick: () => ui.add(item) },
      glyph(item.glyph),
      h("span", {}, item.name),
      item.key ? h("kbd", {}, item.key) : null,
    );
    button.onpointerdown = (event) => {
      if (!event.button && event.pointerType !== "touch" && !ui.narrow.matches) ui.dragItem(event, item);
    };
    return button;
  };
  const families = (items) => {
    const more = h(
      "button",
      {
        type: "button",
        class: "more",
        "aria-expanded": String(whole),
        onclick: () => {
          whole = !whole;
          draw();
          side.querySelector(".more").focus();
        },
      },
      whole ? "Fewer methods" : `All ${items.length} methods`,
    );
    const kept = items.filter((item) => item.shown);
    if (!whole) return [...kept.map(entry), more];
    const names = [...new Set(items.map((item) => item.family))];
    return [
      more,
      ...names.flatMap((name) => [
        h("h4", {}, name),
        ...items.filter((item) => item.family === name).map(entry),
      ]),
    ];
  };
  ui.partList = () => {
    const now = JSON.stringify(ui.data.palette);
    if (now === shown) return;
    shown = now;
    draw();
  };
  const draw = () => {
    side.replaceChildren(
      h(
        "button",
        { type: "button", class: "search", "aria-keyshortcuts": "/", onclick: () => ui.find() },
        h("span", {}, "Add a part"),
        h("kbd", { "aria-hidden": "true" }, "/"),
      ),
      ...ui.data.palette.flatMap((group) => [
        h("h3", {}, group.title),
        ...(group.items.some((item) => item.family)
          ? families(group.items)
          : group.items.filter((item) => item.shown).map(entry)),
      ]),
    );
    settle();
  };
}

function toolbar(ui) {
  const { tools } = ui,
    settle = rove(tools);
  const tool = (icon, name, act) =>
    h(
      "button",
      { type: "button", class: "tool", "aria-label": name, title: name, onclick: act },
      glyph(icon, 14),
    );
  const view = (name, on) => h("button", { type: "button", onclick: () => ui.heated(on) }, name);
  const build = view("Build", false),
    heat = view("Heat", true);
  const by = h("button", {
    type: "button",
    class: "by",
    "aria-haspopup": "menu",
    "aria-expanded": "false",
    onclick: () => menu(ui, by, quantities()),
  });
  const chip = h("button", { type: "button", onclick: () => ui.nextProblem(1) });
  const legend = h("span", { class: "legend" });
  const save = tool("save", "Save the drawing", () =>
    menu(ui, save, [
      { name: "SVG, for print and editing", run: () => ui.save("svg") },
      { name: "PNG, at twice the size", run: () => ui.save("png") },
    ]),
  );
  save.setAttribute("aria-haspopup", "menu");
  save.setAttribute("aria-expanded", "false");
  tools.append(
    h("span", { class: "seg", role: "group", "aria-label": "Colours" }, build, heat),
    by,
    legend,
    h("span", { class: "grow" }),
    chip,
    tool("minus", "Zoom out", () => ui.step(-1)),
    h("span", { class: "zoom dim" }),
    tool("plus", "Zoom in", () => ui.step(1)),
    tool("fit", "Fit to the window", () => ui.zoom(0)),
    save,
    tool("keys", "Keyboard shortcuts", () => ui.keys()),
  );
  const quantities = () =>
    ui.data.heats.map(({ key, name, off }) => ({
      name,
      off,
      on: key === ui.data.heat,
      run: () => ui.heat(key),
    }));

  ui.toolbar = () => {
    const { heat: now, heats, problems, picture } = ui.data,
      on = heats.find(({ key }) => key === now && key);
    build.setAttribute("aria-pressed", String(!on));
    heat.setAttribute("aria-pressed", String(Boolean(on)));
    heat.disabled = !ui.heats().length;
    by.hidden = !on;
    legend.hidden = !on || !picture.legend;
    if (on) by.replaceChildren(on.name, glyph("open", 12));
    if (on && picture.legend)
      legend.replaceChildren(
        picture.legend.low,
        h("i", { css: { background: ui.ramp() } }),
        picture.legend.high,
      );
    chip.hidden = !problems;
    if (problems) {
      chip.className = `chip ${problems.worst}`;
      chip.replaceChildren(glyph(problems.worst, 14), problems.text);
      chip.title = "Next problem (F8)";
    }
    settle();
  };
}

/** A menu under a button; items that are off say why. */
function menu(ui, button, items) {
  const open = button.parentNode.querySelector(".menu");
  if (open) {
    open.close();
    return;
  }
  const role = items.some((item) => item.on !== undefined) ? "menuitemradio" : "menuitem",
    away = new AbortController();
  const list = h("div", {
    class: "menu",
    role: "menu",
    "aria-label": button.getAttribute("aria-label") || button.textContent,
  });
  const entries = items.map((item) =>
    h(
      "button",
      {
        type: "button",
        role,
        tabindex: -1,
        "aria-checked": role === "menuitem" ? null : String(item.on),
        "aria-disabled": item.off ? "true" : null,
        onclick: () => {
          if (!item.off) {
            list.close();
            item.run();
          }
        },
      },
      h("span", {}, item.name),
      item.off ? h("span", { class: "note" }, item.off) : null,
    ),
  );
  list.append(...entries);
  list.close = () => {
    away.abort();
    list.remove();
    button.setAttribute("aria-expanded", "false");
    button.focus();
  };
  list.addEventListener("keydown", (event) => {
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key],
      at = entries.indexOf(event.target);
    if (event.key === "Escape" || event.key === "Tab") list.close();
    else if (by) entries[(at + by + entries.length) % entries.length].focus();
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
  window.addEventListener(
    "pointerdown",
    (event) => {
      const path = event.composedPath();
      if (!path.includes(list) && !path.includes(button)) list.close();
    },
    { signal: away.signal, capture: true },
  );
  button.setAttribute("aria-expanded", "true");
  button.parentNode.append(list);
  const a = button.getBoundingClientRect(),
    bar = button.parentNode.getBoundingClientRect();
  list.style.left = `${Math.min(a.left - bar.left, bar.width - list.offsetWidth - 6)}px`;
  (entries.find((entry) => entry.getAttribute("aria-checked") === "true") || entries[0]).focus();
}
