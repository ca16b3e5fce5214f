"use strict";
// Lists the pairs of a batch, compares before with after, and keeps the marks of the review.
(() => {
  const find = (id) => document.getElementById(id);
  const data = (id) => JSON.parse(find(id).textContent);
  const pairs = data("pairs-data"), about = data("about-data");
  const ORDER = { id: 1, expected_error_mm: -1, shift_mm: -1, rotation_deg: -1, dice: 1, tre_mm: -1, seconds: -1 };
  const list = find("list"), large = find("large"), help = find("help");
  const rows = new Map(), places = new Map(about.table.map((id, i) => [id, i]));
  let shown = [], open = null;

  // ---- marks -----------------------------------------------------------------------------
  const reviews = new Map();
  function warn(words) { find("warning").textContent = words; find("warning").hidden = false; }

  function stored() {
    try { return JSON.parse(localStorage.getItem(about.key) || "{}"); } catch { return {}; }
  }

  function store() {
    try { localStorage.setItem(about.key, JSON.stringify(Object.fromEntries(reviews))); }
    catch { warn("This browser does not keep marks for files: export them before you close the page."); }
  }

  function loadReviews() {
    const known = new Map(pairs.map((pair) => [pair.id, pair]));
    for (const source of [data("reviews-data"), stored()]) {
      for (const [id, review] of Object.entries(source)) {
        const pair = known.get(id), before = reviews.get(id);
        // A mark is for the result that was looked at.
        if (!pair || (review.result && review.result !== pair.result)) continue;
        if (!before || (review.reviewed_at || "") >= (before.reviewed_at || "")) reviews.set(id, review);
      }
    }
  }

  const review = (pair) => reviews.get(pair.id) || { mark: "", note: "" };

  function change(pair, values) {
    const now = new Date().toISOString().slice(0, 19) + "Z";
    const reviewer = find("reviewer").value.trim();
    reviews.set(pair.id, { ...review(pair), ...values, id: pair.id, reviewer, reviewed_at: now, result: pair.result });
    store();
    showReview(pair);
    if (open === pair) showJudge();
    count();
  }

  function mark(pair, value) { change(pair, { mark: review(pair).mark === value ? "" : value }); }

  function count() {
    let passed = 0, failed = 0;
    for (const pair of pairs) {
      const value = review(pair).mark;
      passed += value === "pass"; failed += value === "fail";
    }
    find("progress").textContent = `Reviewed ${passed + failed} of ${pairs.length}: ${passed} passed, ${failed} failed.`;
  }

  function exportMarks() {
    const columns = ["id", "mark", "note", "reviewer", "reviewed_at", "result", "verdict", "expected_error_mm"];
    const quote = (value) => {
      const text = String(value ?? "").replace(/[\r\n]+/g, " ");
      return /[",;\t]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
    };
    // A spreadsheet would compute these; reading the marks takes the apostrophe off again.
    const free = (value) => (/^[=+\-@]/.test(value || "") ? `'${value}` : value);
    const inTable = [...pairs].sort((a, b) => places.get(a.id) - places.get(b.id));
    const lines = inTable.map((pair) => {
      const now = review(pair);
      const own = { ...pair, ...now, id: free(pair.id), note: free(now.note), reviewer: free(now.reviewer),
        result: pair.result, verdict: pair.state };
      return columns.map((name) => quote(own[name])).join(",");
    });
    const text = "\ufeff" + [columns.join(","), ...lines].join("\r\n") + "\r\n";
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
    link.download = about.file;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
    return text;
  }

  // ---- the list --------------------------------------------------------------------------
  function element(tag, values = {}, ...children) {
    const made = Object.assign(document.createElement(tag), values);
    made.append(...children);
    return made;
  }

  const file = (pair, ending) => `${about.pages}/${encodeURIComponent(pair.folder)}${ending}`;
  const number = (value, digits) => (value === null ? "–" : value.toFixed(digits));

  const sentence = (words) => words.charAt(0).toUpperCase() + words.slice(1);

  function scores(pair) {
    const found = [];
    const add = (name, before, after, digits, unit, better) => {
      if (after === null) return;
      const worse = before !== null && (after - before) * better < 0;
      const first = before === null && !about.before ? "" : `${number(before, digits)} → `;
      const words = `${name} ${first}${number(after, digits)}${unit}${worse ? " (worse)" : ""}`;
      if (found.length) found.push(", ");
      found.push(worse ? element("span", { className: "worse", textContent: words }) : words);
    };
    add("Dice", pair.dice_before, pair.dice, 2, "", 1);
    add("TRE", pair.tre_before_mm, pair.tre_mm, 1, " mm", -1);
    return found;
  }

  function badge(pair) { return element("span", { className: `badge ${pair.state}`, textContent: pair.state }); }

  function judge(pair) {
    const button = (value, text) => {
      const made = element("button", { type: "button", textContent: text });
      made.dataset.mark = value;
      made.addEventListener("click", () => mark(pair, value));
      return made;
    };
    const note = element("input", { type: "text", placeholder: "note", className: "note" });
    note.setAttribute("aria-label", `note on ${pair.id}`);
    note.addEventListener("change", () => change(pair, { note: note.value.trim() }));
    return [button("pass", "pass"), button("fail", "fail"), note, element("p", { className: "signed" })];
  }

  function fill(parent, pair) {
    const now = review(pair);
    for (const button of parent.querySelectorAll("button[data-mark]")) {
      button.setAttribute("aria-pressed", String(now.mark === button.dataset.mark));
    }
    const note = parent.querySelector(".note");
    if (note && note !== document.activeElement) note.value = now.note || "";
    const at = (now.reviewed_at || "").replace("T", " ").replace(/:\d\dZ$/, " UTC");
    parent.querySelector(".signed").textContent = now.mark || now.note ? [now.reviewer, at].filter(Boolean).join(", ") : "";
  }

  function build(pair) {
    const article = element("article", { tabIndex: -1 });
    article.setAttribute("aria-label", pair.id);
    const thumb = element("button", { type: "button", className: "thumb" });
    if (pair.folder) {
      const image = element("img", { loading: "lazy", decoding: "async", alt: `after ${about.noun}` });
      image.src = file(pair, "_small.webp");
      thumb.append(image);
      thumb.setAttribute("aria-label", `enlarge ${pair.id}`);
    } else {
      thumb.textContent = "no picture";
      thumb.disabled = true;
    }
    thumb.addEventListener("click", () => { choose(pair); show(pair); });
    const name = element("div", {}, element("h2", { textContent: pair.id }), element("p", {}, badge(pair)));
    if (pair.expected) name.append(element("p", { textContent: `error about ${pair.expected}` }));
    const what = element("div", { className: "what" });
    if (pair.motion) what.append(element("p", { textContent: `${sentence(pair.motion)}.` }));
    for (const fact of pair.facts) what.append(element("p", { textContent: `${sentence(fact)}.` }));
    if (scores(pair).length) what.append(element("p", { className: "scores" }, ...scores(pair)));
    const why = pair.error || pair.reasons.join("; ");
    if (why) what.append(element("p", { className: "why", textContent: why, title: why }));
    article.append(thumb, name, what, element("div", { className: "judge" }, ...judge(pair)));
    article.addEventListener("focusin", () => choose(pair));
    return article;
  }

  function showReview(pair) {
    const row = rows.get(pair.id);
    if (!row) return;
    row.className = review(pair).mark;
    fill(row, pair);
  }

  function matches(pair) {
    const states = new Set([...document.querySelectorAll(".state[aria-pressed=true]")].map((b) => b.dataset.state));
    const words = find("search").value.toLowerCase().split(/\s+/).filter(Boolean);
    const own = review(pair);
    const text = [pair.id, pair.state, ...pair.reasons, ...pair.facts, pair.error, pair.motion, pair.method, own.note, own.reviewer].join(" ").toLowerCase();
    const wanted = find("marks").value, now = review(pair);
    const marked = !wanted || (wanted === "open" ? !now.mark : wanted === "note" ? Boolean(now.note) : now.mark === wanted);
    return marked && states.has(pair.state) && words.every((word) => text.includes(word));
  }

  function sorted(found) {
    const by = find("sort").value;
    if (by === "doubt") return found;
    if (by === "table") return [...found].sort((a, b) => places.get(a.id) - places.get(b.id));
    if (by === "id") return [...found].sort((a, b) => a.id.localeCompare(b.id, undefined, { numeric: true }));
    // What is not known comes last.
    return [...found].sort((a, b) => (a[by] === null) - (b[by] === null) || ORDER[by] * (a[by] - b[by]));
  }

  function draw() {
    shown = sorted(pairs.filter(matches));
    list.replaceChildren(...shown.map((pair) => rows.get(pair.id)));
    find("nothing").hidden = shown.length > 0;
  }

  let chosen = null;
  function choose(pair) {
    if (chosen === pair) return;
    if (chosen) rows.get(chosen.id).tabIndex = -1;
    chosen = pair;
    rows.get(pair.id).tabIndex = 0;
  }

  function step(by) {
    const from = shown.indexOf(open || chosen);
    const pair = shown[Math.min(shown.length - 1, Math.max(0, from + by))];
    if (!pair) return;
    choose(pair);
    rows.get(pair.id).scrollIntoView({ block: "nearest" });
    if (open) show(pair);
    else rows.get(pair.id).focus();
  }

  // ---- one pair, large -------------------------------------------------------------------
  function slide(value) {
    find("slide").value = value;
    find("after").style.opacity = value / 100;
  }

  function line(words) { return element("p", { textContent: words }); }

  function show(pair) {
    open = pair;
    find("large-title").replaceChildren(badge(pair), pair.id);
    find("position").textContent = `${shown.indexOf(pair) + 1} of ${shown.length}`;
    find("compare").hidden = !pair.folder;
    find("slide-label").hidden = !pair.folder || !about.before;
    if (pair.folder) {
      if (about.before) find("before").src = file(pair, "_before.webp");
      find("after").src = file(pair, "_after.webp");
    }
    slide(100);
    find("compare").classList.remove("zoomed");
    find("colors").textContent = pair.colors && `${sentence(pair.colors)}.`;
    const facts = find("facts");
    facts.replaceChildren();
    if (pair.expected) {
      facts.append(line(`Expected error ${pair.expected}; probability of a wrong result ${Math.round(100 * pair.probability_bad)} %.`));
    }
    if (pair.motion) facts.append(line(`${sentence(pair.motion)}.`));
    for (const fact of pair.facts) facts.append(line(`${sentence(fact)}.`));
    if (scores(pair).length) facts.append(element("p", { className: "scores" }, about.before ? "Before → after: " : "", ...scores(pair)));
    if (pair.folder) facts.append(line(`Method: ${pair.method}.`));
    const said = [pair.error, ...pair.reasons].filter(Boolean).map((text) => element("li", { textContent: text }));
    if (said.length) facts.append(element("ul", {}, ...said));
    if (pair.folder) {
      const link = element("a", { href: file(pair, ".html"), target: "_blank", textContent: `page of this ${about.noun}` });
      facts.append(element("p", {}, link));
    }
    showJudge();
    if (!large.open) large.showModal();
    large.focus();
  }

  function showJudge() {
    const area = find("judge");
    if (area.dataset.id !== open.id) {
      area.dataset.id = open.id;
      area.replaceChildren(...judge(open));
    }
    fill(area, open);
  }

  large.addEventListener("close", () => {
    const pair = open;
    open = null;
    if (pair && shown.includes(pair)) rows.get(pair.id).focus();
  });
  function zoom() { find("compare").classList.toggle("zoomed"); }

  find("compare").addEventListener("click", zoom);
  find("close").addEventListener("click", () => large.close());
  find("previous").addEventListener("click", () => step(-1));
  find("next").addEventListener("click", () => step(1));
  find("slide").addEventListener("input", (event) => slide(event.target.value));

  // ---- the reviewer's name, the same for all batches of this browser -------------------------
  const NAME_KEY = "regkit-reviewer";
  try { find("reviewer").value = localStorage.getItem(NAME_KEY) || ""; } catch { /* told by store */ }
  find("reviewer").addEventListener("change", () => {
    try { localStorage.setItem(NAME_KEY, find("reviewer").value.trim()); } catch { /* told by store */ }
  });

  // ---- controls and keys -----------------------------------------------------------------
  find("bar").addEventListener("submit", (event) => event.preventDefault());
  find("search").addEventListener("input", draw);
  find("marks").addEventListener("input", draw);
  find("sort").addEventListener("input", draw);
  find("export").addEventListener("click", exportMarks);
  find("keys").addEventListener("click", () => help.showModal());
  for (const button of document.querySelectorAll(".state")) {
    button.addEventListener("click", () => {
      button.setAttribute("aria-pressed", String(button.getAttribute("aria-pressed") !== "true"));
      draw();
    });
  }

  const KEYS = {
    j: () => step(1), ArrowDown: () => step(1), k: () => step(-1), ArrowUp: () => step(-1),
    p: (pair) => mark(pair, "pass"), f: (pair) => mark(pair, "fail"), u: (pair) => change(pair, { mark: "" }),
    n: (pair) => (open ? find("judge") : rows.get(pair.id)).querySelector(".note").focus(),
    z: () => open && zoom(),
    b: () => open && about.before && slide(Number(find("slide").value) > 50 ? 0 : 100),
    "/": () => find("search").focus(), e: exportMarks, "?": () => help.showModal(),
    Enter: (pair) => open || show(pair),
  };
  const NEEDS_A_PAIR = new Set(["p", "f", "u", "n", "Enter"]);

  document.addEventListener("keydown", (event) => {
    const target = event.target, typing = target.matches("input[type=text], input[type=search], select");
    if (event.key === "Escape" && typing && !open) { target.blur(); return; }
    if (typing && event.key === "Enter" && target.type === "text") { target.blur(); return; }
    if (typing || event.ctrlKey || event.metaKey || event.altKey || help.open) return;
    if (event.key === "Enter" && target.matches("button, a")) return;
    if (target.matches("input[type=range]") && event.key.startsWith("Arrow")) return;
    const act = KEYS[event.key], pair = open || chosen;
    if (!act || (NEEDS_A_PAIR.has(event.key) && !pair)) return;
    event.preventDefault();
    act(pair);
  });

  loadReviews();
  for (const pair of pairs) {
    rows.set(pair.id, build(pair));
    showReview(pair);
  }
  count();
  draw();
  window.regkitBatch = { exportMarks };
})();
