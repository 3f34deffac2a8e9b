// Acts by name: what keys, menus and the list of commands call.
function acting(ui) {
  const { live } = ui;
  ui.fold = (box) => ui.act(() => ui.emit("fold", { target: box.target, open: box.folds === "closed" }));
  ui.foldAll = (open) =>
    ui.act(() =>
      ui.data.picture.boxes
        .filter((box) => box.folds && (box.folds === "open") !== open)
        .forEach((box) => ui.emit("fold", { target: box.target, open })),
    );
  ui.mend = (fix) => ui.act(() => ui.emit("edit", { edit: fix.edit }));
  ui.history = (type) => ui.soon(() => ui.emit(type));
  ui.count = (box) =>
    ui.act(() => {
      const now = ui.box(box.id);
      if (now) ui.emit("count", { target: now.target, by: now.by });
    });
  ui.onTargets = (type, values = {}) =>
    ui.act(() => {
      const targets = ui.targets();
      if (!targets.length) return;
      ui.emit(type, { targets, ...values });
      if (type !== "copy") ui.picked.clear();
    });
  ui.remove = (type = "delete") =>
    ui.act(() => {
      const targets = ui.targets();
      ui.picked.clear();
      if (targets.length) ui.hope(ui.emit(type, { targets }), () => ui.fade(targets));
    });
  ui.copy = () => {
    const targets = ui.targets();
    ui.onTargets("copy");
    if (targets.length) ui.say("Copied.");
  };
  ui.repeat = (by) =>
    ui.act(() => {
      const box = ui.here();
      if (box) ui.emit("repeat", { target: box.target, by });
    });
  ui.paste = (text) => {
    if (/^\s*[{<]/.test(text)) ui.soon(() => ui.emit("open", { text }));
    else if (!ui.data.clip && !ui.shifting() && !ui.copied())
      ui.warn("Nothing to paste. Copy a part with Ctrl+C first, or paste the text of a design.");
    else ui.act(() => ui.emit("paste", ui.shifting() ? {} : { target: ui.here()?.target || "" }));
  };
  /** Add a part of the list below what is chosen; while an act is under way Python knows best what that is. */
  ui.add = (item) =>
    ui.soon(() => {
      const { type } = item,
        box = ui.shifting() ? null : ui.here();
      const number = ui.emit(type, {
        what: item.what,
        ...(box && type !== "start" ? { target: type === "method" ? moeOf(box.target) : box.target } : {}),
      });
      const level = ITEM_LEVEL[item.what];
      if (box && type === "add" && level !== "moe") ui.hope(number, () => ui.land(below(box), item.name));
    });
  function below(box) {
    const { boxes } = ui.data.picture,
      row =
        boxes.find(
          (other) =>
            ROWS.has(other.kind) &&
            (box.target === other.target || box.target.startsWith(`${other.target}/`)),
        ) || box;
    const panel = boxes.find((other) => other.id === `${row.id}#panel`) || row;
    return { x: panel.x, y: panel.y + panel.h + 6, w: panel.w };
  }

  /** On to the first field of the form beside the drawing, once it shows what is chosen; Escape leads back. */
  ui.inspect = () =>
    ui.act(() => {
      const box = ui.here(),
        form = document.querySelector(".st-key-inspector"),
        app = document.querySelector(".stApp");
      if (!form || !box) return;
      form.onkeydown = (event) => {
        if (event.key === "Escape" && !event.defaultPrevented) ui.focus(ui.here() || box);
      };
      let tries = 40;
      const go = () => {
        const drawn = ui.data.selected === box.target && app?.dataset.testScriptState === "notRunning";
        if (!drawn && --tries) {
          setTimeout(go, 50);
          return;
        }
        const field =
          form.querySelector('input[type="number"]:not([disabled])') ||
          form.querySelector("input:not([disabled])");
        field?.focus();
        field?.select?.();
      };
      go();
    });

  // ---- heat
  let liked = "";
  ui.heats = () => ui.data.heats.filter((heat) => !heat.off);
  ui.heat = (key) => {
    if (key) liked = key;
    ui.emit("heat", { what: key });
  };
  ui.heated = (on) => {
    const keys = ui.heats().map((heat) => heat.key);
    ui.heat(on ? (keys.includes(liked) ? liked : keys[0] || "") : "");
  };
  ui.nextHeat = () => {
    const keys = ui.heats().map((heat) => heat.key);
    if (!keys.length) return;
    const next = keys[keys.indexOf(ui.data.heat) + 1] || "";
    ui.heat(next);
    ui.say(next ? `Heat: ${ui.data.heats.find((heat) => heat.key === next).name}.` : "Build.");
  };

  // ---- problems
  let at = -1;
  ui.problems = () => ui.data.picture.boxes.filter((box) => box.kind === "problem");
  ui.nextProblem = (by) => {
    const all = ui.problems();
    if (!all.length) {
      ui.say(ui.data.problems ? `${ui.data.problems.text}, listed beside the drawing.` : "No problems.");
      return;
    }
    at = (at + by + all.length) % all.length;
    if (at < 0) at = 0;
    const problem = all[at],
      node = ui.node(problem),
      part = ui.choosable().find((box) => box.id === problem.id.split("#")[0]);
    if (part) ui.choose(part, RESTS);
    const fix = node.querySelector(".fix");
    if (fix) fix.focus();
    else if (part) ui.focus(part);
    node.scrollIntoView({ block: "nearest" });
    live.textContent = `${problem.glyph}: ${problem.title}`;
  };

  // The system clipboard carries names only: what was copied is kept with the design in Python.
  let copied = false;
  ui.copied = () => copied;
  for (const type of ["copy", "cut"])
    ui.root.addEventListener(type, (event) => {
      if (event.target.closest?.("dialog")) return;
      const names = ui.subjects().map((box) => box.title);
      if (!names.length || ui.narrow.matches) return;
      copied = true;
      event.clipboardData.setData("text/plain", names.join(", "));
      event.preventDefault();
      if (type === "copy") ui.copy();
      else ui.remove("cut");
    });
  ui.root.addEventListener("paste", (event) => {
    if (event.target.closest?.("dialog")) return;
    event.preventDefault();
    ui.paste(event.clipboardData.getData("text/plain"));
  });
}
