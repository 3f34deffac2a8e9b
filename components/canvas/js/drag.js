// Dragging: parts from the list and rows to another place, a marquee, the empty stage; only the drop is told.
const THRESHOLD = 4,
  EDGE = 28;
const LATE = "The design changed before this was dropped. To fix this, drag it again.";

function tracking(ui) {
  let held = false;
  ui.held = () => held;
  /**
   * Follow the pointer from a press until it is let go. Nothing happens under four pixels, Escape ends it
   * without effect, and modifier keys count at once. `begin` returns false to let the press be a click.
   */
  ui.track = (press, { begin, move, drop, end, scrolls = true }) => {
    let on = false,
      last = press,
      frame = 0;
    const stops = new AbortController(),
      on_window = (name, run) => window.addEventListener(name, run, { capture: true, signal: stops.signal });
    const finish = (dropped) => {
      stops.abort();
      cancelAnimationFrame(frame);
      if (!on) return;
      if (dropped) drop(last);
      end?.();
      held = false;
      ui.root.classList.remove("holding");
      const swallow = (event) => {
        event.stopPropagation();
        event.preventDefault();
      };
      window.addEventListener("click", swallow, { capture: true, once: true });
      setTimeout(() => window.removeEventListener("click", swallow, { capture: true }));
      ui.released();
    };
    const creep = () => {
      const r = ui.stage.getBoundingClientRect(),
        { clientX: x, clientY: y } = last;
      if (x > r.left && x < r.right) {
        const by = y < r.top + EDGE ? -9 : y > r.bottom - EDGE ? 9 : 0,
          before = ui.stage.scrollTop;
        ui.stage.scrollTop += by;
        if (ui.stage.scrollTop !== before) move(last);
      }
      frame = requestAnimationFrame(creep);
    };
    on_window("pointermove", (event) => {
      if (event.pointerId !== press.pointerId) return;
      last = event;
      if (!on) {
        if (Math.hypot(event.clientX - press.clientX, event.clientY - press.clientY) < THRESHOLD) return;
        if (begin?.(event) === false) {
          stops.abort();
          return;
        }
        on = held = true;
        ui.root.classList.add("holding");
        if (scrolls) frame = requestAnimationFrame(creep);
      }
      event.preventDefault();
      move(event);
    });
    on_window("pointerup", (event) => {
      if (event.pointerId === press.pointerId) finish(true);
    });
    on_window("pointercancel", () => finish(false));
    const modifier = (event) => {
      if (event.key === "Escape" && event.type === "keydown" && on) {
        event.preventDefault();
        event.stopPropagation();
        finish(false);
        return;
      }
      if (!on || !["Shift", "Alt"].includes(event.key)) return;
      event.preventDefault();
      const { clientX, clientY } = last;
      last = { clientX, clientY, shiftKey: event.shiftKey, altKey: event.altKey };
      move(last);
    };
    on_window("keydown", modifier);
    on_window("keyup", modifier);
  };
}

/** What kind of list entry a pointer names. */
const levelOf = (pointer) =>
  /\/parts\/\d+$/.test(pointer)
    ? "part"
    : /\/pattern\/\d+$/.test(pointer)
      ? "layer"
      : /\/layers\/\d+$/.test(pointer)
        ? "repeat"
        : "";
const ITEM_LEVEL = { layer: "layer", expert_group: "moe", shared_expert: "moe" };

function dragging(ui) {
  const { stage, over, root } = ui;

  ui.stage.addEventListener("pointerdown", (event) => {
    if (event.button || ui.narrow.matches || event.target.closest(".fix, .fork, .count")) return;
    const node = event.target.closest(".box.part"),
      box = node?.box;
    if (event.target.closest(".grip")) {
      ui.stretch(event, box);
      return;
    }
    if (event.pointerType === "touch") return;
    if (box) {
      if (box.moves) moveRows(event, box);
      return;
    }
    if (event.target.closest(".problem")) return;
    if (event.shiftKey) marquee(event);
    else pan(event);
  });

  function pan(press) {
    let from = null;
    ui.track(press, {
      scrolls: false,
      begin: () => {
        from = { x: stage.scrollLeft, y: stage.scrollTop };
      },
      move: (event) =>
        stage.scrollTo(from.x - event.clientX + press.clientX, from.y - event.clientY + press.clientY),
      drop: () => {},
    });
  }

  function marquee(press) {
    const start = ui.point(press),
      frame = h("div", { class: "marquee" });
    let found = [];
    ui.track(press, {
      begin: () => {
        over.append(frame);
      },
      move: (event) => {
        const to = ui.point(event),
          x = Math.min(start.x, to.x),
          y = Math.min(start.y, to.y),
          w = Math.abs(start.x - to.x),
          t = Math.abs(start.y - to.y);
        Object.assign(frame.style, { left: `${x}px`, top: `${y}px`, width: `${w}px`, height: `${t}px` });
        const inside = ui
          .choosable()
          .filter((box) => box.x < x + w && box.x + box.w > x && box.y < y + t && box.y + box.h > y);
        const rows = inside.filter((box) => ROWS.has(box.kind));
        found = rows.length ? rows : inside.filter((box) => EXPERTS.has(box.kind));
        ui.picked = new Set(found.map((box) => box.id));
        ui.mark();
      },
      drop: () => ui.pick(found),
      end: () => frame.remove(),
    });
  }

  function moveRows(press, box) {
    let ghost, held, targets;
    ui.track(press, {
      begin: () => {
        const level = levelOf(box.moves);
        if (!level) return false;
        held = ui.picked.has(box.id)
          ? ui.choosable().filter((other) => ui.picked.has(other.id) && levelOf(other.moves || "") === level)
          : [box];
        targets = [...new Set(held.map((other) => other.moves))];
        ghost = ghostOf(held);
        held.forEach((other) => ui.node(other).classList.add("lifted"));
        show(level, targets);
        return true;
      },
      move: (event) => {
        follow(ghost, event, press, box);
        near(event);
      },
      drop: (event) => {
        const slot = near(event);
        if (!slot || idle(slot, targets)) return;
        ui.act(() => {
          if (!held.every(stands) || !offered(slot)) {
            ui.warn(LATE);
            return;
          }
          ui.hope(ui.emit("put", { targets, place: slot.place }), () => {
            ui.fade(targets);
            ui.land(slot, title(held));
          });
          ui.picked.clear();
        });
      },
      end: () => {
        ghost.remove();
        held.forEach((other) => ui.node(other)?.classList.remove("lifted"));
        hide();
      },
    });
  }

  /** Drag `item` of the list of parts onto the drawing. */
  ui.dragItem = (press, item) => {
    const level = item.type === "method" ? "moe" : ITEM_LEVEL[item.what] || "part";
    let ghost;
    ui.track(press, {
      begin: () => {
        if (!["add", "method"].includes(item.type)) return false;
        ghost = h("div", { class: "ghost item" }, glyph(item.glyph), item.name);
        root.append(ghost);
        show(level, []);
        return true;
      },
      move: (event) => {
        const r = root.getBoundingClientRect();
        ghost.style.translate = `${event.clientX - r.left + 10}px ${event.clientY - r.top - 14}px`;
        near(event);
      },
      drop: (event) => {
        const slot = near(event);
        if (!slot) return;
        const { type } = item,
          where = slot.place ? { place: slot.place } : { target: slot.target };
        ui.act(() => {
          if (slot.place && !offered(slot)) {
            ui.warn(LATE);
            return;
          }
          ui.hope(ui.emit(type, { what: item.what, ...where }), () => {
            if (slot.place) ui.land(slot, item.name);
          });
        });
      },
      end: () => {
        ghost.remove();
        hide();
      },
    });
  };

  // ---- places; a drop that had to wait for an act is dropped if that act changed what stood here
  const stands = (box) => ui.fresh(box)?.id === box.id;
  const offered = (slot) =>
    ui.data.picture.slots.some((other) => other.place === slot.place && other.said === slot.said);
  let slots = [],
    lines = [];
  function show(level, targets) {
    const inside = (place) => targets.some((target) => place.startsWith(`${target}/`));
    slots =
      level === "moe"
        ? panels()
        : ui.data.picture.slots.filter((slot) => slot.takes.includes(level) && !inside(slot.place));
    lines = slots.map((slot) => {
      const line = h(
        "div",
        {
          class: slot.h ? "slot area" : "slot",
          css: {
            left: `${slot.x}px`,
            top: `${slot.y}px`,
            width: `${slot.w}px`,
            height: slot.h ? `${slot.h}px` : "",
          },
        },
        h("span", {}, slot.said),
      );
      over.append(line);
      return line;
    });
  }
  /** MoE layers as places: what is dropped on one goes into it. */
  function panels() {
    const { boxes } = ui.data.picture;
    return boxes
      .filter((box) => box.folds)
      .map((box) => {
        const panel = boxes.find((other) => other.id === `${box.id}#panel`) || box;
        return {
          x: panel.x,
          y: panel.y,
          w: panel.w,
          h: panel.h,
          target: box.target,
          said: `into ${box.title}`,
        };
      });
  }
  function near(event) {
    const at = ui.point(event);
    const far = (slot) =>
      Math.max(0, slot.y - at.y, at.y - slot.y - (slot.h || 0)) +
      0.2 * Math.max(0, slot.x - at.x, at.x - slot.x - slot.w);
    const best = ui.over_stage(event) ? slots.reduce((a, b) => (a && far(a) <= far(b) ? a : b), null) : null;
    lines.forEach((line, i) => line.classList.toggle("near", slots[i] === best));
    return best;
  }
  function hide() {
    lines.forEach((line) => line.remove());
    slots = [];
    lines = [];
  }
  /** Whether a drop here leaves all as it is. */
  function idle(slot, targets) {
    const next = (pointer) => pointer.replace(/\d+$/, (n) => Number(n) + 1);
    return targets.length === 1 && (slot.place === targets[0] || slot.place === next(targets[0]));
  }

  // ---- ghosts
  const title = (boxes) => (boxes.length > 1 ? `${boxes.length} parts` : boxes[0].title);
  function ghostOf(boxes) {
    const ghost = ui.node(boxes[0]).cloneNode(true);
    ghost.removeAttribute("tabindex");
    ghost.setAttribute("aria-hidden", "true");
    ghost.classList.add("ghost");
    ghost.classList.remove("part", "chosen");
    if (boxes.length > 1) ghost.append(h("span", { class: "many" }, String(boxes.length)));
    over.append(ghost);
    return ghost;
  }
  function follow(ghost, event, press, box) {
    const a = ui.point(press),
      b = ui.point(event);
    ghost.style.translate = `${b.x - a.x}px ${b.y - a.y}px`;
    ghost.style.left = `${box.x}px`;
    ghost.style.top = `${box.y}px`;
  }
  /** A part that Python is about to place, where it will stand. */
  ui.land = (slot, name) =>
    over.append(
      h(
        "div",
        { class: "landing", css: { left: `${slot.x}px`, top: `${slot.y - 14}px`, width: `${slot.w}px` } },
        name,
      ),
    );
  ui.fade = (targets) =>
    ui.nodes.forEach((node) => {
      const own = node.box.target || node.box.id.split("#")[0];
      if (targets.some((target) => own === target || own.startsWith(`${target}/`)))
        node.classList.add("gone");
    });

  // ---- files
  const most = 4_000_000;
  stage.addEventListener("dragover", (event) => {
    if (event.dataTransfer?.types.includes("Files")) {
      event.preventDefault();
      event.dataTransfer.dropEffect = "copy";
    }
  });
  stage.addEventListener("drop", async (event) => {
    event.preventDefault();
    const [file] = event.dataTransfer?.files || [];
    if (!file) return;
    if (file.size > most) {
      ui.warn(
        `${file.name} has ${(file.size / 1e6).toFixed(1)}\u2009MB; a design has at most 4. To fix this, drop its config.json alone.`,
      );
      return;
    }
    const text = await file.text().catch(() => null);
    if (text === null) {
      ui.warn(`${file.name} cannot be read. To fix this, drop a file, not a folder.`);
      return;
    }
    ui.emit("open", { text });
  });
}
