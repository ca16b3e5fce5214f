"use strict";
// Shows one score at a time, and sorts and filters the table of cases.
(() => {
  for (const group of document.querySelectorAll(".pills")) {
    const buttons = [...group.querySelectorAll("button")];
    const choose = (chosen) => {
      for (const button of buttons) {
        const on = button === chosen;
        button.setAttribute("aria-pressed", String(on));
        document.getElementById(button.getAttribute("aria-controls")).hidden = !on;
      }
    };
    for (const button of buttons) button.addEventListener("click", () => choose(button));
    if (buttons.length) choose(buttons[0]);
  }

  const PAGE = 100;
  const find = (id) => document.getElementById(id);
  const { columns, rows } = JSON.parse(find("case-data").textContent);
  const at = Object.fromEntries(columns.map((column, number) => [column.name, number]));
  // What can be searched for, put together once.
  const texts = rows.map((row) => row.filter((v) => typeof v === "string").join(" ").toLowerCase());
  const headings = [];
  let sorted = { column: -1, down: false }, shown = PAGE;

  function choices(id, name) {
    const values = [...new Set(rows.map((row) => row[at[name]]))].filter(Boolean).sort();
    for (const value of values) find(id).append(new Option(value, value));
  }

  function matching() {
    const words = find("case-search").value.toLowerCase().split(/\s+/).filter(Boolean);
    const method = find("case-method").value, status = find("case-status").value;
    const found = [];
    rows.forEach((row, number) => {
      if (method && row[at.method] !== method) return;
      if (status && row[at.status] !== status && row[at.verdict] !== status) return;
      if (words.every((word) => texts[number].includes(word))) found.push(row);
    });
    return found;
  }

  function inOrder(found) {
    const { column, down } = sorted;
    if (column < 0) return found;
    const way = down ? -1 : 1;
    const isNumber = columns[column].number;
    return found.sort((a, b) => {
      const [x, y] = [a[column], b[column]];
      // What has no value is last, whichever way.
      if (isNumber) return (x === null) - (y === null) || way * (x - y);
      return way * x.localeCompare(y, undefined, { numeric: true });
    });
  }

  function cell(row, value, number) {
    const item = row.insertCell();
    const { name } = columns[number];
    if (!columns[number].number) item.className = name === "why" ? "why" : "words";
    if (name === "verdict" && value) {
      const badge = document.createElement("span");
      badge.className = "badge " + (["OK", "CHECK", "FAIL"].includes(value) ? value : "");
      badge.textContent = value;
      item.append(badge);
    } else {
      item.textContent = value === null ? "–" : String(value);
      if (!columns[number].number) item.title = value;
    }
  }

  function draw() {
    const found = inOrder(matching());
    const body = document.createElement("tbody");
    for (const values of found.slice(0, shown)) {
      const row = body.insertRow();
      if (values[at.status] === "failed") row.className = "failed";
      values.forEach((value, number) => cell(row, value, number));
    }
    find("case-table").tBodies[0].replaceWith(body);
    const now = Math.min(shown, found.length);
    find("case-count").textContent = `${now} of ${found.length} shown (${rows.length} in all)`;
    find("case-more").hidden = now >= found.length;
  }

  function sortBy(number) {
    const down = sorted.column === number ? !sorted.down : false;
    sorted = { column: number, down };
    headings.forEach((heading, i) => {
      heading.setAttribute("aria-sort", i !== number ? "none" : down ? "descending" : "ascending");
    });
    draw();
  }

  const head = find("case-table").tHead.insertRow();
  columns.forEach((column, number) => {
    const heading = document.createElement("th"), button = document.createElement("button");
    heading.scope = "col";
    if (!column.number) heading.className = "words";
    button.type = "button";
    button.textContent = column.name;
    button.addEventListener("click", () => sortBy(number));
    heading.append(button);
    head.append(heading);
    headings.push(heading);
  });
  choices("case-method", "method");
  choices("case-status", "status");
  choices("case-status", "verdict");
  for (const id of ["case-search", "case-method", "case-status"]) {
    find(id).addEventListener("input", () => { shown = PAGE; draw(); });
  }
  find("case-more").addEventListener("click", () => { shown += 5 * PAGE; draw(); });
  draw();
})();
