"use strict";
(() => {
  // Tables: a button in each heading sorts by it; figures by value, words by their letters, the unknown last.
  const key = (cell) => {
    const data = cell?.querySelector("data");
    const text = cell?.textContent.trim() ?? "";
    return data ? Number(data.value) : cell?.querySelector(".unknown") || text === "" ? null : text;
  };
  const compare = (a, b) => {
    if (a === null || b === null) return (a === null) - (b === null);
    return typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b));
  };
  const sortable = (table) => {
    const heads = [...table.tHead.rows[0].cells].filter((cell) => cell.tagName === "TH");
    heads.forEach((head, at) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const down = head.getAttribute("aria-sort") === "ascending";
        heads.forEach((other) => other.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        const body = table.tBodies[0];
        const rows = [...body.rows].map((row) => [key(row.cells[at]), row]);
        rows.sort(([a], [b]) => (a === null || b === null ? compare(a, b) : down ? compare(b, a) : compare(a, b)));
        body.append(...rows.map(([, row]) => row));
      });
    });
  };
  document.querySelectorAll("table.sortable").forEach(sortable);

  // Pictures: the words of a mark follow the pointer at once; without this script the browser shows them after a while.
  const tip = document.getElementById("tip");
  const words = new WeakMap();
  document.querySelectorAll("figure > svg g > title").forEach((title) => {
    words.set(title.parentNode, title.textContent);
    title.remove();
  });
  const markAt = (target) => {
    let mark = target.closest?.("g");
    while (mark && !words.has(mark)) mark = mark.parentNode.closest?.("g");
    return mark;
  };
  const hide = () => { tip.hidden = true; };
  const show = (text, event) => {
    tip.hidden = !text;
    if (!text) return;
    tip.textContent = text;
    const left = Math.min(event.clientX + 14, innerWidth - tip.offsetWidth - 8);
    const below = event.clientY + 18 + tip.offsetHeight < innerHeight;
    tip.style.left = `${Math.max(8, left)}px`;
    tip.style.top = `${below ? event.clientY + 18 : event.clientY - tip.offsetHeight - 10}px`;
  };
  document.querySelectorAll("figure > svg").forEach((svg) => {
    svg.addEventListener("pointermove", (event) => show(words.get(markAt(event.target)), event));
    svg.addEventListener("pointerleave", hide);
    const larger = document.createElement("button");
    larger.type = "button";
    larger.className = "larger";
    larger.textContent = "Larger picture";
    larger.setAttribute("aria-pressed", "false");
    larger.addEventListener("click", () => larger.setAttribute("aria-pressed", svg.parentNode.classList.toggle("large")));
    svg.after(larger);
  });
  // A finger does not hover: a tap shows what pointing does.
  addEventListener("click", (event) => {
    show(words.get(markAt(event.target)) ?? event.target.closest?.("data[title]")?.title, event);
  });
  addEventListener("keydown", (event) => { if (event.key === "Escape") hide(); });
  addEventListener("scroll", hide, { passive: true });

  // Boxes: a stop for the keyboard only where there is something to scroll to; the edge shows where there is more.
  const edge = (box) => {
    const wide = box.scrollWidth - box.clientWidth;
    box.classList.toggle("more", box.scrollLeft < wide - 1);
    box.tabIndex = wide > 0 || box.scrollHeight > box.clientHeight ? 0 : -1;
  };
  const sizes = new ResizeObserver((changes) => changes.forEach(({ target }) => edge(target.closest(".scroll"))));
  document.querySelectorAll(".scroll").forEach((box) => {
    box.addEventListener("scroll", () => edge(box), { passive: true });
    sizes.observe(box);
    sizes.observe(box.firstElementChild);
  });

  // From a segment to its customers.
  const data = JSON.parse(document.getElementById("customers").textContent);
  const segment = data.columns.indexOf("Segment");
  const known = new Set(data.rows.map((row) => row[segment]));
  const dialog = document.getElementById("drill");
  const table = document.getElementById("drill-table");
  const find = document.getElementById("drill-find");
  const note = document.getElementById("drill-note");
  const SHOWN = 500;
  let name = "";
  const format = new Intl.NumberFormat("en", { maximumFractionDigits: 3 });
  const fill = () => {
    const wanted = find.value.trim().toLowerCase();
    const all = data.rows.filter((row) => row[segment] === name);
    const rows = all.filter((row) => row.some((cell) => String(cell ?? "").toLowerCase().includes(wanted)));
    const head = document.createElement("thead");
    const line = head.insertRow();
    data.columns.forEach((column, at) => {
      if (at === segment) return;
      const cell = document.createElement("th");
      cell.scope = "col";
      cell.textContent = column;
      line.append(cell);
    });
    const body = document.createElement("tbody");
    rows.slice(0, SHOWN).forEach((row) => {
      const line = body.insertRow();
      row.forEach((cell, at) => {
        if (at === segment) return;
        const place = line.insertCell();
        if (typeof cell !== "number") {
          place.textContent = cell ?? "–";
          return;
        }
        const figure = document.createElement("data");
        figure.value = cell;
        figure.textContent = format.format(cell);
        place.className = "number";
        place.append(figure);
      });
    });
    table.replaceChildren(head, body);
    sortable(table);
    const cut = rows.length > SHOWN ? `the first ${SHOWN} of ` : "";
    const held = data.rows.length < data.everyone ? `, of the ${format.format(data.rows.length)} customers in this page` : "";
    note.textContent = `${cut}${format.format(rows.length)} customers${held}, highest expected net first`;
  };
  const open = (which) => {
    name = which;
    find.value = "";
    document.getElementById("drill-title").textContent = `Customers: ${which}`;
    fill();
    dialog.showModal();
  };
  find.addEventListener("input", fill);
  document.querySelectorAll("button.drill").forEach((button) => {
    button.addEventListener("click", () => open(button.dataset.segment));
  });
  document.querySelectorAll("figure > svg g").forEach((mark) => {
    const which = (words.get(mark) ?? "").split(":")[0];
    if (!known.has(which)) return;
    mark.classList.add("opens");
    mark.addEventListener("click", () => open(which));
  });
})();
