"use strict";
(() => {
  const root = document.documentElement;
  const all = (selector, from = document) => [...from.querySelectorAll(selector)];
  root.classList.add("scripted");

  /* Texts come from logs. They are only ever set as text, never as markup. */
  const make = (tag, text = "", name = "") => {
    const element = document.createElement(tag);
    element.textContent = text;
    if (name) element.className = name;
    return element;
  };
  const plural = (number, noun) => `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}`;

  /* Sources: one at a time. */
  const sections = all(".one-source");
  const showSource = (key) => {
    for (const section of sections) section.hidden = section.id !== key;
    for (const link of all(".contents [data-part]")) link.href = `#${key}-${link.dataset.part}`;
    for (const timeline of timelines) timeline.resize();
  };
  const openTarget = () => {
    let id = "";
    try { id = decodeURIComponent(location.hash.slice(1)); } catch { return; }
    const target = document.getElementById(id);
    if (!target) return;
    const section = target.closest(".one-source");
    if (section && section.hidden) {
      chooser.value = section.id;
      showSource(section.id);
    }
    for (let at = target; at; at = at.parentElement) if (at.tagName === "DETAILS") at.open = true;
    target.scrollIntoView();
  };
  const chooser = document.getElementById("source-switch");
  window.addEventListener("hashchange", openTarget);

  /* The part that is read now. */
  const watchParts = () => {
    const links = all(".contents a");
    const mark = () => {
      const edge = 120;
      let current = null;
      for (const link of links) {
        const part = document.getElementById(link.hash.slice(1));
        if (part && part.getBoundingClientRect().top <= edge) current = link;
      }
      for (const link of links) {
        if (link === current) link.setAttribute("aria-current", "true");
        else link.removeAttribute("aria-current");
      }
    };
    let due = false;
    window.addEventListener("scroll", () => {
      if (due) return;
      due = true;
      requestAnimationFrame(() => { due = false; mark(); });
    }, { passive: true });
    mark();
  };

  /* Tables that can be sorted. */
  const sortable = (table) => {
    const heads = all("thead th", table);
    const body = table.tBodies[0];
    const key = (row, place) => {
      const cell = row.cells[place];
      return "sort" in cell.dataset ? Number(cell.dataset.sort) : cell.textContent.trim();
    };
    heads.forEach((head, place) => {
      const button = make("button", head.textContent);
      button.type = "button";
      head.replaceChildren(button);
      button.addEventListener("click", () => {
        const numeric = body.rows[0] && "sort" in body.rows[0].cells[place].dataset;
        const before = head.getAttribute("aria-sort");
        const up = before ? before === "descending" : !numeric;
        for (const other of heads) other.removeAttribute("aria-sort");
        head.setAttribute("aria-sort", up ? "ascending" : "descending");
        const rows = [...body.rows].map((row) => [key(row, place), row]);
        rows.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0) * (up ? 1 : -1));
        body.append(...rows.map(([, row]) => row));
      });
    });
  };

  /* Images that can be filtered. */
  const filterable = (form) => {
    const [text, rough] = all("input", form);
    const images = all(".image", form.parentElement);
    const output = form.querySelector("output");
    const apply = () => {
      const wanted = text.value.trim().toLowerCase();
      let shown = 0;
      for (const image of images) {
        const name = image.querySelector("summary").textContent.toLowerCase().includes(wanted);
        let parts = 0;
        for (const row of all("tbody tr", image)) {
          const fits = (name || row.textContent.toLowerCase().includes(wanted)) && (!rough.checked || row.classList.contains("rough"));
          row.hidden = !fits;
          parts += fits;
        }
        image.hidden = !parts;
        if (parts && (wanted || rough.checked)) image.open = true;
        shown += parts > 0;
      }
      output.textContent = wanted || rough.checked ? `${shown} of ${plural(images.length, "image")}` : "";
    };
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("input", apply);
  };

  /* The timeline: rows drawn on a canvas, only those in sight. */
  const ROW = 22, HEAD = 30, SECOND = 1e6;
  class Timeline {
    constructor(element, data) {
      this.element = element;
      this.data = data;
      this.texts = data.texts;
      this.part = (name) => element.querySelector(`[data-tl="${name}"]`);
      this.view = this.part("view");
      this.space = this.part("space");
      this.canvas = this.part("canvas");
      this.context = this.canvas.getContext("2d");
      this.info = this.part("info");
      this.range = { time: this.extent("time"), record: this.extent("record") };
      const axis = this.part("axis");
      for (const option of [...axis.options]) option.disabled = !this.range[option.value];
      this.axis = element.dataset.clock === "log" && this.range.record ? "record" : "time";
      if (!this.range[this.axis]) this.axis = this.range.time ? "time" : "record";
      axis.value = this.axis;
      this.collect();
      this.open = new Set(this.spansOf.length + data.spans.trace.length <= 400 ? this.spansOf.keys() : []);
      this.selected = 0;
      this.request = -1;
      this.listen();
      this.whole();
      this.apply();
    }

    /* The first and last moment, or record, of everything. */
    extent(axis) {
      const { traces, spans, requests } = this.data;
      const columns = axis === "time" ? ["start", "end"] : ["first", "last"];
      let low = Infinity, high = -Infinity;
      for (const table of [traces, spans, requests]) {
        for (const name of columns) {
          for (const value of table[name]) {
            if (value === null) continue;
            if (value < low) low = value;
            if (value > high) high = value;
          }
        }
      }
      if (low > high) return null;
      const more = axis === "time" ? (this.element.dataset.clock === "trace" ? 0 : SECOND) : 1;
      const room = Math.max((high + more - low) * 0.015, axis === "time" ? 1000 : 0.5);
      return [low - room, high + more + room];
    }

    /* Which spans a trace has, which requests a row has, and which hosts there are. */
    collect() {
      const { traces, spans, requests } = this.data;
      const count = traces.title.length;
      this.spansOf = Array.from({ length: count + 1 }, () => []);
      spans.trace.forEach((trace, span) => this.spansOf[trace].push(span));
      this.inTrace = Array.from({ length: count + 1 }, () => []);
      this.inSpan = Array.from({ length: spans.trace.length }, () => []);
      this.directly = Array.from({ length: count + 1 }, () => []);
      requests.trace.forEach((number, request) => {
        const span = requests.span_row[request];
        const trace = number >= 0 ? number : span >= 0 ? spans.trace[span] : count;
        this.inTrace[trace].push(request);
        if (span >= 0) this.inSpan[span].push(request);
        else this.directly[trace].push(request);
      });
      this.aloof = this.inTrace[count].length > 0;
      const hosts = new Map();
      for (const host of requests.host) hosts.set(host, (hosts.get(host) || 0) + 1);
      const names = [...hosts].filter(([host]) => host >= 0).sort((a, b) => b[1] - a[1]);
      for (const [host, number] of names) {
        const option = make("option", `${this.texts[host]} (${number.toLocaleString("en")})`);
        option.value = String(host);
        this.part("host").append(option);
      }
    }

    tone(request) {
      const { status, failure } = this.data.requests;
      const code = status[request];
      if (code === null) return failure[request] >= 0 ? "bad" : "none";
      return code === 401 ? "token" : code >= 400 || failure[request] >= 0 ? "bad" : "good";
    }

    title(row) {
      const { traces, spans } = this.data;
      if (row.span >= 0) return this.texts[spans.name[row.span]];
      return row.trace < traces.title.length ? this.texts[traces.title[row.trace]] : "requests that belong to no trace";
    }

    /* Take the filter, and lay out the rows that pass it. */
    apply() {
      const wanted = this.part("text").value.trim().toLowerCase();
      const host = this.part("host").value;
      const bad = this.part("bad").checked;
      const filtered = wanted !== "" || host !== "" || bad;
      const { requests, spans, traces } = this.data;
      const hits = new Set();
      if (wanted) this.texts.forEach((text, number) => { if (text.toLowerCase().includes(wanted)) hits.add(number); });
      const plain = (request) => (host === "" || requests.host[request] === Number(host)) && (!bad || this.tone(request) === "bad");
      const named = (request) => !wanted || hits.has(requests.object[request]) || hits.has(requests.host[request])
        || hits.has(requests.kind[request]) || hits.has(requests.failure[request]) || String(requests.status[request]) === wanted;
      this.rows = [];
      this.shown = 0;
      const total = traces.title.length + (this.aloof ? 1 : 0);
      for (let trace = 0; trace < total; trace++) {
        const aloof = trace === traces.title.length;
        const own = !aloof && hits.has(traces.title[trace]);
        const fits = (list, named_) => (filtered ? list.filter((one) => plain(one) && (named_ || named(one))) : list);
        const below = [];
        let found = [];
        for (const span of this.spansOf[trace]) {
          const name = own || hits.has(spans.name[span]);
          const mine = fits(this.inSpan[span], name);
          found = found.concat(mine);
          if (!filtered || mine.length || (name && wanted && host === "" && !bad)) below.push({ trace, span, requests: mine, depth: spans.depth[span] });
        }
        const direct = fits(this.directly[trace], own);
        found = found.concat(direct);
        if (filtered && !below.length && !found.length && !(own && host === "" && !bad)) continue;
        this.shown += found.length;
        const open = this.open.has(trace) || (filtered && total <= 200);
        this.rows.push({ trace, span: -1, requests: open ? direct : found, all: found, depth: 0, more: this.spansOf[trace].length > 0, open });
        if (open) this.rows.push(...below);
      }
      this.selected = Math.max(Math.min(this.selected, this.rows.length - 1), 0);
      this.part("count").textContent = filtered ? `${this.shown.toLocaleString("en")} of ${plural(requests.trace.length, "request")}` : plural(requests.trace.length, "request");
      this.resize();
    }

    resize() {
      const width = this.view.clientWidth;
      if (!width) return;
      this.space.style.height = `${HEAD + this.rows.length * ROW + 6}px`;
      this.width = this.view.clientWidth;
      this.height = Math.min(this.view.clientHeight, HEAD + this.rows.length * ROW + 6);
      this.gutter = Math.round(Math.min(Math.max(this.width * 0.3, 96), 330));
      const ratio = window.devicePixelRatio || 1;
      this.canvas.width = Math.round(this.width * ratio);
      this.canvas.height = Math.round(this.height * ratio);
      this.canvas.style.width = `${this.width}px`;
      this.canvas.style.height = `${this.height}px`;
      this.context.setTransform(ratio, 0, 0, ratio, 0, 0);
      this.draw();
    }

    ask() {
      if (this.due) return;
      this.due = true;
      requestAnimationFrame(() => { this.due = false; this.draw(); });
    }

    whole() { [this.from, this.to] = this.range[this.axis] || [0, 1]; }

    x(value) { return this.gutter + ((value - this.from) / (this.to - this.from)) * (this.width - this.gutter); }

    /* Where a row or request begins and ends on the axis in use. */
    reach(table, index, exact) {
      if (this.axis === "record") {
        const first = table.first[index];
        return first === null ? null : [first, (table.last[index] ?? first) + 1];
      }
      const start = table.start[index];
      if (start === null) return null;
      const end = table.end[index] ?? start;
      return [start, exact ? end : end + SECOND];
    }

    colours() {
      const style = getComputedStyle(this.element);
      const colours = {};
      for (const name of ["ink", "soft", "line", "faint", "card", "fail", "unknown", "pass", "link", "mark", "sans"]) colours[name] = style.getPropertyValue(`--${name}`).trim();
      return colours;
    }

    draw() {
      if (!this.width) return;
      const c = this.context, colour = this.colours();
      c.clearRect(0, 0, this.width, this.height);
      c.fillStyle = colour.card;
      c.fillRect(0, 0, this.width, this.height);
      c.textBaseline = "middle";
      const top = this.view.scrollTop;
      const begin = Math.max(Math.floor(top / ROW), 0);
      const end = Math.min(Math.ceil((top + this.height) / ROW), this.rows.length);
      for (let place = begin; place < end; place++) this.drawRow(place, HEAD + place * ROW - top, colour);
      this.drawAxis(colour);
      if (!this.rows.length) {
        c.fillStyle = colour.soft;
        c.font = `13px ${colour.sans}`;
        c.fillText("nothing passes the filter", 10, HEAD + 14);
      }
    }

    drawRow(place, y, colour) {
      const c = this.context, row = this.rows[place], { traces, spans } = this.data;
      if (place === this.selected) {
        c.fillStyle = colour.mark;
        c.fillRect(0, y, this.width, ROW);
      }
      c.save();
      c.beginPath();
      c.rect(0, y, this.gutter - 8, ROW);
      c.clip();
      c.font = `${row.span < 0 ? "600 " : ""}12.5px ${colour.sans}`;
      c.fillStyle = row.span < 0 ? colour.ink : colour.soft;
      const sign = row.span < 0 && row.more ? (row.open ? "\u25be " : "\u25b8 ") : "";
      c.fillText(sign + this.title(row), 8 + Math.min(row.depth, 8) * 10, y + ROW / 2);
      c.restore();
      c.save();
      c.beginPath();
      c.rect(this.gutter, y, this.width - this.gutter, ROW);
      c.clip();
      const exact = row.span >= 0 ? spans.exact[row.span] === 1 : this.element.dataset.clock === "trace";
      const table = row.span >= 0 ? spans : traces, index = row.span >= 0 ? row.span : row.trace;
      const reach = index < table.start.length ? this.reach(table, index, exact) : null;
      if (reach) {
        const left = this.x(reach[0]), right = Math.max(this.x(reach[1]), left + 2);
        c.fillStyle = colour.faint;
        c.strokeStyle = table.errors[index] ? colour.fail : colour.soft;
        c.globalAlpha = row.span < 0 ? 1 : 0.85;
        c.fillRect(left, y + 4, right - left, ROW - 8);
        if (!exact && this.axis === "time") this.hatch(left, right, y + 4, ROW - 8, colour.line);
        c.lineWidth = 1;
        c.strokeRect(left + 0.5, y + 4.5, Math.max(right - left - 1, 1), ROW - 9);
        c.globalAlpha = 1;
      }
      let last = -1;
      for (const request of row.requests) {
        const span = this.span(request);
        if (!span) continue;
        const left = this.x(span[0]);
        const chosen = request === this.request;
        const tone = this.tone(request);
        /* of good ones that fall on the same pixel one is enough */
        if (tone === "good" && !chosen && Math.floor(left) === last) continue;
        if (left > this.width || this.x(span[1]) < this.gutter) continue;
        last = Math.floor(left);
        this.drawRequest(left, Math.max(this.x(span[1]), left + 4), y, tone, chosen, colour);
      }
      c.restore();
    }

    span(request) {
      const { requests } = this.data;
      if (this.axis === "record") {
        const first = requests.first[request] ?? requests.last[request];
        return first === null || first === undefined ? null : [first, first + 1];
      }
      const start = requests.start[request];
      return start === null ? null : [start, requests.end[request] ?? start];
    }

    hatch(left, right, y, height, colour) {
      const c = this.context;
      c.save();
      c.beginPath();
      c.rect(left, y, right - left, height);
      c.clip();
      c.strokeStyle = colour;
      c.beginPath();
      for (let x = Math.max(left, this.gutter) - height; x < Math.min(right, this.width); x += 6) {
        c.moveTo(x, y + height);
        c.lineTo(x + height, y);
      }
      c.stroke();
      c.restore();
    }

    drawRequest(left, right, y, tone, chosen, colour) {
      const c = this.context, middle = y + ROW / 2;
      c.lineWidth = 2;
      if (tone === "good") {
        c.fillStyle = colour.pass;
        c.fillRect(left, middle - 4, Math.max(Math.min(right - left, 400), 4), 8);
      } else if (tone === "bad") {
        c.fillStyle = c.strokeStyle = colour.fail;
        if (right - left > 8) c.fillRect(left, middle - 1, right - left, 2);
        c.beginPath();
        c.moveTo(left - 1, middle - 5); c.lineTo(left + 8, middle + 5);
        c.moveTo(left + 8, middle - 5); c.lineTo(left - 1, middle + 5);
        c.stroke();
      } else {
        c.strokeStyle = tone === "token" ? colour.unknown : colour.soft;
        c.beginPath();
        c.arc(left + 4, middle, 3.6, 0, 7);
        c.stroke();
      }
      if (chosen) {
        c.strokeStyle = colour.link;
        c.strokeRect(left - 3, y + 2, Math.max(right - left, 8) + 6, ROW - 4);
      }
    }

    drawAxis(colour) {
      const c = this.context;
      c.fillStyle = colour.card;
      c.fillRect(0, 0, this.width, HEAD - 1);
      c.fillStyle = colour.line;
      c.fillRect(0, HEAD - 1, this.width, 1);
      c.fillRect(this.gutter - 4, 0, 1, this.height);
      c.font = `11.5px ${colour.sans}`;
      c.fillStyle = colour.soft;
      c.fillText(this.axis === "time" ? "since the start" : "record of the log", 8, HEAD / 2);
      const room = Math.max((this.width - this.gutter) / 95, 1);
      const rough = (this.to - this.from) / room;
      const power = 10 ** Math.floor(Math.log10(rough));
      let step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= rough);
      if (this.axis === "record") step = Math.max(Math.round(step), 1);
      for (let tick = Math.ceil(this.from / step) * step; tick <= this.to; tick += step) {
        const x = Math.round(this.x(tick));
        if (x < this.gutter) continue;
        c.fillStyle = colour.line;
        c.fillRect(x, HEAD - 7, 1, 6);
        c.globalAlpha = 0.5;
        c.fillRect(x, HEAD, 1, this.height);
        c.globalAlpha = 1;
        c.fillStyle = colour.soft;
        const words = this.axis === "time" ? this.duration(tick, step) : Math.round(tick).toLocaleString("en");
        if (x + c.measureText(words).width < this.width) c.fillText(words, x + 4, HEAD / 2);
      }
    }

    duration(microseconds, step) {
      if (Math.abs(microseconds) < 1) return "0";
      if (step < 1000) return `${Math.round(microseconds).toLocaleString("en")} \u00b5s`;
      if (step < SECOND) return `${Number((microseconds / 1000).toFixed(1)).toLocaleString("en")} ms`;
      const seconds = Math.round(microseconds / SECOND);
      if (Math.abs(seconds) < 120) return `${seconds} s`;
      const hours = Math.floor(seconds / 3600), minutes = Math.floor((seconds % 3600) / 60), rest = seconds % 60;
      const two = (number) => String(number).padStart(2, "0");
      return hours ? `${hours}:${two(minutes)}:${two(rest)} h` : `${minutes}:${two(rest)} min`;
    }

    zoom(factor, at = null) {
      const whole = this.range[this.axis];
      const middle = at ?? (this.from + this.to) / 2;
      const least = this.axis === "time" ? 10 : 3;
      const width = Math.min(Math.max((this.to - this.from) * factor, least), whole[1] - whole[0]);
      const share = (middle - this.from) / (this.to - this.from);
      this.from = middle - share * width;
      this.to = this.from + width;
      this.hold();
    }

    move(share) {
      const by = (this.to - this.from) * share;
      this.from += by;
      this.to += by;
      this.hold();
    }

    /* Keep the view inside of what there is. */
    hold() {
      const [low, high] = this.range[this.axis], width = this.to - this.from;
      if (this.from < low) [this.from, this.to] = [low, low + width];
      if (this.to > high) [this.from, this.to] = [high - width, high];
      this.ask();
    }

    reveal(request) {
      const span = this.span(request);
      if (span && (span[0] < this.from || span[0] > this.to)) {
        const half = (this.to - this.from) / 2;
        [this.from, this.to] = [span[0] - half, span[0] + half];
        this.hold();
      }
    }

    select(place, request = -1) {
      if (!this.rows.length) return;
      this.selected = Math.max(Math.min(place, this.rows.length - 1), 0);
      this.request = request;
      const y = this.selected * ROW, top = this.view.scrollTop, room = this.view.clientHeight - HEAD - ROW;
      if (y < top) this.view.scrollTop = y;
      else if (y > top + room) this.view.scrollTop = y - room;
      if (request >= 0) this.reveal(request);
      this.tell();
      this.ask();
    }

    toggle() {
      const row = this.rows[this.selected];
      if (!row || row.span >= 0 || !row.more) return;
      if (!this.open.delete(row.trace)) this.open.add(row.trace);
      this.apply();
    }

    nextRequest(by) {
      const row = this.rows[this.selected];
      if (!row || !row.requests.length) return;
      const place = row.requests.indexOf(this.request);
      const next = place < 0 ? (by > 0 ? 0 : row.requests.length - 1) : (place + by + row.requests.length) % row.requests.length;
      this.select(this.selected, row.requests[next]);
    }

    nextFailure() {
      for (let step = 0; step <= this.rows.length; step++) {
        const place = (this.selected + step) % this.rows.length;
        const list = this.rows[place].requests;
        const from = step === 0 ? list.indexOf(this.request) + 1 : 0;
        for (let index = from; index < list.length; index++) {
          if (this.tone(list[index]) === "bad") return this.select(place, list[index]);
        }
      }
    }

    words(request) {
      const { requests } = this.data, text = (name) => this.texts[requests[name][request]] ?? "";
      const status = requests.status[request];
      const answer = status !== null ? String(status) : text("failure") || "no answer";
      const start = requests.start[request], end = requests.end[request];
      return {
        asked: [text("method"), text("kind")].filter(Boolean).join(" "),
        host: text("host") || "host unknown", role: text("role"), answer,
        when: start === null ? "" : end === null ? this.clock(start, 0) : this.clock(start, 3),
        took: end === null || start === null ? "" : this.duration(end - start, 1000),
        object: text("object"), line: requests.line[request],
      };
    }

    clock(offset, digits) {
      const moment = new Date((this.data.origin + offset) / 1000);
      return moment.toISOString().slice(11, digits ? 23 : 19);
    }

    /* What is selected, in words and as a table that a screen reader can read. */
    tell() {
      const row = this.rows[this.selected];
      if (!row) return this.info.replaceChildren();
      const { traces, spans } = this.data;
      const table = row.span >= 0 ? spans : traces, index = row.span >= 0 ? row.span : row.trace;
      const parts = [row.span >= 0 ? "span" : "trace"];
      const start = table.start[index], end = table.end[index];
      if (start !== null && start !== undefined) {
        const exact = row.span >= 0 ? spans.exact[row.span] === 1 : this.element.dataset.clock === "trace";
        parts.push(`from ${this.clock(start, exact ? 3 : 0)} UTC`);
        if (end !== null) parts.push(exact ? `took ${this.duration(end - start, end - start < SECOND ? 1000 : SECOND)}` : end === start ? "less than two seconds" : `about ${this.duration(end - start, SECOND)}`);
      }
      const list = row.span < 0 ? row.all : row.requests;
      parts.push(plural(list.length, "request"));
      if (table.errors[index]) parts.push(plural(table.errors[index], "error"));
      const head = make("p");
      head.append(make("b", this.title(row)), ` ${parts.join(", ")}`);
      const around = make("div", "", "scroll");
      if (list.length) around.append(this.table(list));
      this.info.replaceChildren(head, around);
    }

    table(list) {
      const most = 50;
      const chosen = Math.max(list.indexOf(this.request), 0);
      const from = Math.max(Math.min(chosen - 5, list.length - most), 0);
      const table = make("table", "", "stack"), body = make("tbody"), head = table.createTHead().insertRow();
      const names = ["asked", "host", "answer", "at (UTC)", "took", "digest or reference", "line"];
      for (const name of names) { const cell = make("th", name); cell.scope = "col"; head.append(cell); }
      for (const request of list.slice(from, from + most)) {
        const said = this.words(request), line = body.insertRow();
        if (request === this.request) line.setAttribute("aria-current", "true");
        const cells = [said.asked, `${said.host} ${said.role}`.trim(), said.answer, said.when, said.took, said.object, said.line === null ? "" : said.line.toLocaleString("en")];
        cells.forEach((text, place) => {
          const cell = line.insertCell();
          cell.dataset.label = names[place];
          if (place === 5 && text) { const code = make("code", text, "digest"); code.title = text; cell.append(code); }
          else if (place === 1) cell.append(make("span", text, "host"));
          else if (place === 2) cell.append(make("b", text, this.tone(request) === "bad" ? "bad" : ""));
          else cell.textContent = text;
        });
      }
      table.append(body);
      if (list.length > most) {
        const foot = body.insertRow().insertCell();
        foot.colSpan = names.length;
        foot.textContent = `requests ${from + 1} to ${Math.min(from + most, list.length)} of ${list.length.toLocaleString("en")}; n and p go on`;
      }
      return table;
    }

    at(event) {
      const box = this.view.getBoundingClientRect();
      const x = event.clientX - box.left - this.view.clientLeft, y = event.clientY - box.top - this.view.clientTop;
      const place = y < HEAD ? -1 : Math.floor((y - HEAD + this.view.scrollTop) / ROW);
      let nearest = -1, least = 9;
      const row = this.rows[place];
      if (row && x >= this.gutter) {
        for (const request of row.requests) {
          const span = this.span(request);
          if (!span) continue;
          const left = this.x(span[0]), right = Math.max(this.x(span[1]), left + 6);
          const distance = x < left ? left - x : x > right ? x - right : 0;
          if (distance < least) [nearest, least] = [request, distance];
        }
      }
      return { x, place, row, request: nearest, value: this.from + ((x - this.gutter) / (this.width - this.gutter)) * (this.to - this.from) };
    }

    listen() {
      for (const name of ["text", "host", "bad"]) this.part(name).addEventListener("input", () => this.apply());
      this.part("axis").addEventListener("change", (event) => { this.axis = event.target.value; this.whole(); this.ask(); });
      this.part("in").addEventListener("click", () => this.zoom(0.5));
      this.part("out").addEventListener("click", () => this.zoom(2));
      this.part("all").addEventListener("click", () => { this.whole(); this.ask(); });
      this.view.addEventListener("scroll", () => this.ask(), { passive: true });
      this.view.addEventListener("keydown", (event) => this.press(event));
      this.view.addEventListener("wheel", (event) => {
        if (!event.ctrlKey && !event.metaKey) return;
        event.preventDefault();
        this.zoom(event.deltaY > 0 ? 1.25 : 0.8, this.at(event).value);
      }, { passive: false });
      let held = null;
      this.view.addEventListener("pointerdown", (event) => { held = { x: event.clientX, moved: false }; });
      this.view.addEventListener("pointermove", (event) => {
        if (!held) {
          const { row, request } = this.at(event);
          const said = request >= 0 ? this.words(request) : null;
          this.view.title = said ? [said.asked, said.host, said.answer, said.took].filter(Boolean).join(", ") : row ? this.title(row) : "";
          return;
        }
        const by = event.clientX - held.x;
        if (!held.moved && Math.abs(by) < 5) return;
        held = { x: event.clientX, moved: true };
        this.move(-by / (this.width - this.gutter));
      });
      window.addEventListener("pointerup", (event) => {
        const was = held;
        held = null;
        if (!was || was.moved || !this.view.contains(event.target)) return;
        const { place, row, request, x } = this.at(event);
        if (!row) return;
        this.select(place, request);
        if (row.span < 0 && x < this.gutter) this.toggle();
      });
      window.addEventListener("pointercancel", () => { held = null; });
      new ResizeObserver(() => this.resize()).observe(this.element);
      matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.ask());
    }

    press(event) {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const acts = {
        ArrowDown: () => this.select(this.selected + 1), ArrowUp: () => this.select(this.selected - 1),
        PageDown: () => this.select(this.selected + 12), PageUp: () => this.select(this.selected - 12),
        Home: () => this.select(0), End: () => this.select(this.rows.length - 1),
        ArrowLeft: () => this.move(-0.15), ArrowRight: () => this.move(0.15),
        "+": () => this.zoom(0.5), "=": () => this.zoom(0.5), "-": () => this.zoom(2),
        0: () => { this.whole(); this.ask(); }, Enter: () => { this.toggle(); this.tell(); }, " ": () => { this.toggle(); this.tell(); },
        n: () => this.nextRequest(1), p: () => this.nextRequest(-1), f: () => this.nextFailure(),
      };
      const act = acts[event.key];
      if (!act) return;
      event.preventDefault();
      act();
    }
  }

  const timelines = [];
  const data = JSON.parse(document.getElementById("data").textContent);
  for (const table of all("table.sortable")) sortable(table);
  for (const form of all("form[data-images]")) filterable(form);
  for (const element of all("[data-timeline]")) timelines.push(new Timeline(element, data[element.dataset.timeline]));
  if (chooser) {
    chooser.addEventListener("change", () => showSource(chooser.value));
    showSource(sections[0].id);
  }
  watchParts();
  openTarget();

  /* What is folded is unfolded for paper. */
  let folded = [];
  window.addEventListener("beforeprint", () => {
    folded = all("details:not([open])");
    for (const one of folded) one.open = true;
    for (const timeline of timelines) timeline.resize();
  });
  window.addEventListener("afterprint", () => { for (const one of folded) one.open = false; });
})();
