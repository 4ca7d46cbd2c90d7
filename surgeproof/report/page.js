"use strict";
// Draws each fleet of a surge over one time axis, and moves all fleets of a surge together.
(() => {
  const data = JSON.parse(document.getElementById("replays").textContent);
  const SVG = document.querySelector("svg").namespaceURI;
  const LEAST_STEPS = 6;
  const LANES = 8;
  const TICKS = [10, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400, 604800];

  const number = (value) =>
    value.toLocaleString("en", { maximumFractionDigits: value < 10 ? 1 : 0 });
  const percent = (value) =>
    value > 0 && value < 0.01 ? "< 0.01 %" : `${Number(value.toPrecision(3))} %`;
  const clock = (seconds, begins) => {
    if (begins !== null) return new Date(1000 * (begins + seconds)).toISOString().slice(11, 19);
    const whole = Math.round(seconds);
    const two = (value) => String(value).padStart(2, "0");
    const minutes = Math.floor(whole / 60) % 60;
    return `+${Math.floor(whole / 3600)}:${two(minutes)}:${two(whole % 60)}`;
  };
  const make = (tag, attributes, parent, text) => {
    const element = document.createElementNS(SVG, tag);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    if (text !== undefined) element.textContent = text;
    parent.append(element);
    return element;
  };

  class Surge {
    constructor(surge, section) {
      this.seconds = surge.seconds;
      this.clock = (seconds) => clock(seconds, surge.begins);
      this.begins = surge.begins;
      this.zone = surge.begins === null ? "" : " UTC";
      this.view = [0, surge.seconds];
      this.at = null;
      this.shown = section.querySelector(".shown");
      this.charts = [...section.querySelectorAll(".chart")].map(
        (figure, index) => new Chart(this, surge.fleets[index], figure, surge.top),
      );
      const least = Math.max(...surge.fleets.map((fleet) => fleet.step)) * LEAST_STEPS;
      this.least = Math.min(least, surge.seconds);
      for (const button of section.querySelectorAll("[data-do]")) {
        button.addEventListener("click", () => this.act(button.dataset.do));
      }
      this.show(...this.view);
    }

    show(from, to) {
      const span = Math.min(Math.max(to - from, this.least), this.seconds);
      const middle = (from + to) / 2;
      const begin = Math.min(Math.max(middle - span / 2, 0), this.seconds - span);
      this.view = [begin, begin + span];
      const whole = span >= this.seconds;
      this.shown.textContent = whole
        ? `Whole trace: ${this.clock(0)} to ${this.clock(this.seconds)}${this.zone}`
        : `${this.clock(begin)} to ${this.clock(begin + span)}${this.zone}`;
      this.draw();
    }

    draw() {
      const drawn = this.charts.filter((chart) => chart.measure());
      // As many rows of numbers above each, so that the panels of all fleets lie side by side.
      const rows = Math.max(...drawn.map((chart) => chart.rows), 1);
      for (const chart of drawn) chart.draw(rows);
    }

    zoom(factor, around) {
      const [from, to] = this.view;
      const at = around ?? this.at ?? (from + to) / 2;
      this.show(at - (at - from) * factor, at + (to - at) * factor);
    }

    act(what) {
      const [from, to] = this.view;
      const quarter = (to - from) / 4;
      if (what === "in") this.zoom(0.5);
      else if (what === "out") this.zoom(2);
      else if (what === "earlier") this.show(from - quarter, to - quarter);
      else if (what === "later") this.show(from + quarter, to + quarter);
      else this.show(0, this.seconds);
    }

    point(at) {
      this.at = at === null ? null : Math.min(Math.max(at, 0), this.seconds);
      if (this.at !== null && (this.at < this.view[0] || this.at > this.view[1])) {
        const half = (this.view[1] - this.view[0]) / 2;
        this.show(this.at - half, this.at + half);
      }
      for (const chart of this.charts) chart.point();
    }
  }

  class Chart {
    constructor(surge, fleet, figure, top) {
      this.surge = surge;
      this.fleet = fleet;
      this.figure = figure;
      this.top = top;
      this.svg = figure.querySelector("svg");
      this.tip = figure.querySelector(".tip");
      this.said = figure.querySelector(".said");
      this.lanes = alarms(fleet.moments, surge.seconds);
      this.drag = null;
      this.listen();
      new ResizeObserver(() => surge.charts && surge.draw()).observe(figure);
    }

    x(at) {
      const [from, to] = this.surge.view;
      return this.left + ((at - from) / (to - from)) * this.plot;
    }

    time(event) {
      const [from, to] = this.surge.view;
      const x = event.clientX - this.svg.getBoundingClientRect().left;
      const share = Math.min(Math.max((x - this.left) / this.plot, 0), 1);
      return from + share * (to - from);
    }

    measure() {
      this.width = this.figure.clientWidth;
      this.left = this.width < 480 ? 44 : 56;
      this.plot = this.width - this.left - 12;
      // Numbers of the story that lie close to another come below it.
      const ends = [];
      this.marks = this.fleet.story
        .map((each, index) => ({ x: this.x(each.at), at: each.at, name: index + 1 }))
        .filter((mark) => this.isShown(mark.at));
      for (const mark of this.marks) {
        const free = ends.findIndex((end) => mark.x - end > 20);
        mark.row = free < 0 ? ends.length : free;
        ends[mark.row] = mark.x;
      }
      this.rows = ends.length;
      return this.width > 0;
    }

    draw(rows) {
      const { width } = this;
      this.svg.replaceChildren();
      const { fleet } = this;
      const step = fleet.step;
      this.first = Math.max(Math.floor(this.surge.view[0] / step), 0);
      this.last = Math.min(Math.ceil(this.surge.view[1] / step), fleet.demand.length);
      const clip = make("clipPath", { id: `clip-${this.figure.id}` }, this.svg);
      const hole = make("rect", { x: this.left, y: 0, width: this.plot }, clip);
      const grid = make("g", {}, this.svg);
      const body = make("g", { "clip-path": `url(#clip-${this.figure.id})` }, this.svg);
      const loose = make("g", {}, this.svg);

      const begin = rows * 20;
      this.badges(loose, body);
      let y = begin;
      y = this.demands(y, 190, loose, grid, body);
      y = this.shares(y, 60, loose, grid, body);
      y = this.instances(y, 64, loose, grid, body);
      y = this.limits(y, loose, body);
      y = this.alarms(y, loose, body);
      y = this.actions(y, loose, body);
      hole.setAttribute("height", y);
      this.ticks(begin, y, grid, loose);
      this.bottom = y;
      this.svg.setAttribute("width", width);
      this.svg.setAttribute("height", y + 22);
      this.svg.setAttribute("viewBox", `0 0 ${width} ${y + 22}`);
      this.cursor = make("g", { class: "cursor", visibility: "hidden" }, this.svg);
      make("line", { y1: begin, y2: y }, this.cursor);
      this.chosen = make("rect", { class: "chosen", y: 0, height: y, width: 0 }, this.svg);
      this.point();
    }

    badges(loose, body) {
      for (const { x, row, name } of this.marks) {
        const y = row * 20 + 9;
        make("line", { class: "mark", x1: x, x2: x, y1: y + 8, y2: 9999 }, body);
        make("circle", { class: "badge", cx: x, cy: y, r: 8.5 }, loose);
        make("text", { class: "in-badge", x, y: y + 4, "text-anchor": "middle" }, loose, name);
      }
    }

    isShown(at) {
      return at >= this.surge.view[0] && at <= this.surge.view[1];
    }

    frame(name, y, height, top, loose, grid) {
      const right = this.left + this.plot;
      make("text", { class: "panel", x: this.left, y: y + 15 }, loose, name);
      for (const [at, value] of [
        [y + 22, top],
        [y + 22 + height, 0],
      ]) {
        make("line", { class: "axis", x1: this.left, x2: right, y1: at, y2: at }, grid);
        const place = { x: this.left - 6, y: at + 4, "text-anchor": "end" };
        make("text", place, loose, number(value));
      }
      const scale = (value) => y + 22 + height - height * Math.min(value / top, 1);
      return { scale, base: y + 22 + height, next: y + 22 + height + 6 };
    }

    steps(values, scale, base) {
      let path = base === undefined ? "" : `M${this.x(this.first * this.fleet.step)} ${base}`;
      for (let i = this.first; i < this.last; i += 1) {
        const command = path ? "L" : "M";
        const x = this.x(i * this.fleet.step).toFixed(1);
        path += `${command}${x} ${scale(values[i]).toFixed(1)}`;
        path += `H${this.x((i + 1) * this.fleet.step).toFixed(1)}`;
      }
      return base === undefined ? path : `${path}V${base}Z`;
    }

    demands(y, height, loose, grid, body) {
      const { demand, attempts, capacity, step } = this.fleet;
      const at = this.frame("requests per second", y, height, this.top, loose, grid);
      make("path", { class: "capacity", d: this.steps(capacity, at.scale, at.base) }, body);
      let gap = "";
      for (let i = this.first; i < this.last; i += 1) {
        if (demand[i] <= capacity[i]) continue;
        const [from, to] = [this.x(i * step).toFixed(1), this.x((i + 1) * step).toFixed(1)];
        const [high, low] = [at.scale(demand[i]).toFixed(1), at.scale(capacity[i]).toFixed(1)];
        gap += `M${from} ${high}H${to}V${low}H${from}Z`;
      }
      make("path", { class: "gap", d: gap }, body);
      make("path", { class: "attempts", d: this.steps(attempts, at.scale) }, body);
      make("path", { class: "demand", d: this.steps(demand, at.scale) }, body);
      return at.next;
    }

    shares(y, height, loose, grid, body) {
      const at = this.frame("users hurt, %", y, height, 100, loose, grid);
      make("path", { class: "hurt", d: this.steps(this.fleet.hurt, at.scale, at.base) }, body);
      return at.next;
    }

    instances(y, height, loose, grid, body) {
      const { answering, desired } = this.fleet;
      const at = this.frame("instances", y, height, this.fleet.most, loose, grid);
      make("path", { class: "answering", d: this.steps(answering, at.scale) }, body);
      make("path", { class: "desired", d: this.steps(desired, at.scale) }, body);
      return at.next;
    }

    limits(y, loose, body) {
      make("text", { class: "panel", x: this.left, y: y + 15 }, loose, "what stood in the way");
      const { limit, step } = this.fleet;
      let start = this.first;
      for (let i = this.first + 1; i <= this.last; i += 1) {
        if (i < this.last && limit[i] === limit[start]) continue;
        const kind = data.limits[limit[start]];
        if (kind) {
          const [from, to] = [this.x(start * step), this.x(i * step)];
          const place = { x: from, y: y + 22, width: Math.max(to - from, 1), height: 20 };
          make("rect", { class: "limit", fill: `url(#${limit[start]})`, ...place }, body);
          const begin = Math.max(from, this.left);
          const wide = Math.min(to, this.left + this.plot) - begin;
          const word = wide > 8 * kind.short.length ? kind.short : wide >= 13 ? kind.letter : "";
          const middle = { x: begin + wide / 2, y: y + 36, "text-anchor": "middle" };
          if (word) make("text", { class: "over", ...middle }, body, word);
        }
        start = i;
      }
      return y + 48;
    }

    alarms(y, loose, body) {
      const lanes = this.lanes.slice(0, LANES);
      const more = this.lanes.length - lanes.length;
      const head = lanes.length ? "alarms" : "alarms: none";
      const tail = more > 0 ? ` (and ${more} more: see the list)` : "";
      make("text", { class: "panel", x: this.left, y: y + 15 }, loose, head + tail);
      y += 22;
      const right = this.left + this.plot;
      for (const lane of lanes) {
        const spans = lane.spans
          .map(([from, to]) => [this.x(from), this.x(to)])
          .filter(([from, to]) => to >= this.left && from <= right);
        const begin = Math.min(right, ...spans.map(([from]) => from));
        const end = Math.max(this.left, ...spans.map(([, to]) => to));
        const room = 6.8 * lane.name.length;
        // The name stands after the bars, or before them, or else on a line of its own.
        const place =
          end + 8 + room < right
            ? { x: end + 8, y: y + 12 }
            : begin - 10 - room > this.left
              ? { x: begin - 10, y: y + 12, "text-anchor": "end" }
              : { x: this.left + 4, y: y + 12 };
        if (place.x === this.left + 4) y += 14;
        for (const [from, to] of spans) {
          const bar = { x: from, y: y + 3, width: Math.max(to - from, 2), height: 9 };
          make("rect", { class: "alarm", ...bar }, body);
          make("path", { class: "sign", d: `M${from - 5} ${y + 13}h10l-5 -11z` }, body);
        }
        make("text", { class: "over", ...place }, body, lane.name);
        y += 18;
      }
      return y + 4;
    }

    actions(y, loose, body) {
      make("text", { class: "panel", x: this.left, y: y + 15 }, loose, "scaling and limits");
      const middle = y + 32;
      const ends = {};
      for (const each of this.fleet.moments) {
        const shape = {
          scale_out: "m-6 5h12l-6 -11z",
          scale_in: "m-6 -5h12l-6 11z",
          scheduled: "m-5 0a5 5 0 1 0 10 0a5 5 0 1 0 -10 0z",
          limit: "m-5 -5h10v10h-10z",
          injection: "m0 -7l6 7l-6 7l-6 -7z",
        }[each.kind];
        // A limit that is reached again and again is drawn where there is room for it.
        const x = this.x(each.at);
        if (!shape || !this.isShown(each.at) || x - ends[each.kind] < 12) continue;
        ends[each.kind] = x;
        const d = `M${x.toFixed(1)} ${middle}${shape}`;
        make("path", { class: `sign ${each.kind}`, d }, body);
      }
      return y + 44;
    }

    ticks(begin, end, grid, loose) {
      const [from, to] = this.surge.view;
      const most = Math.max(Math.floor(this.plot / 76), 2);
      const every = TICKS.find((each) => (to - from) / each <= most) ?? (to - from) / most;
      // Ticks lie on whole times of the clock that is shown.
      const off = (this.surge.begins ?? 0) % every;
      for (let at = Math.ceil((from + off) / every) * every - off; at <= to + 1e-6; at += every) {
        const x = this.x(at);
        make("line", { class: "axis", x1: x, x2: x, y1: begin, y2: end }, grid);
        const last = x > this.left + this.plot - 24;
        if (last && x - this.x(at - every) < 90) continue;
        const anchor = last ? "end" : "middle";
        const place = { class: "tick", x: last ? this.left + this.plot + 12 : x, y: end + 16 };
        make("text", { ...place, "text-anchor": anchor }, loose, this.surge.clock(at));
      }
    }

    point() {
      const { at } = this.surge;
      const shown = at !== null && this.isShown(at) && this.cursor;
      this.tip.hidden = !shown;
      if (!shown) {
        if (this.cursor) this.cursor.setAttribute("visibility", "hidden");
        return;
      }
      const x = this.x(at);
      this.cursor.setAttribute("visibility", "visible");
      this.cursor.setAttribute("transform", `translate(${x} 0)`);
      const lines = this.told(at);
      this.tip.replaceChildren(
        ...lines.map((line, index) => {
          const element = document.createElement(index ? "div" : "b");
          element.textContent = line;
          return element;
        }),
      );
      const wide = this.tip.offsetWidth;
      const right = x + 12 + wide < this.figure.clientWidth;
      this.tip.style.left = `${Math.max(right ? x + 12 : x - 12 - wide, 0)}px`;
    }

    told(at) {
      const { fleet } = this;
      const i = Math.min(Math.floor(at / fleet.step), fleet.demand.length - 1);
      const retried = fleet.attempts[i] - fleet.demand[i];
      const kind = data.limits[fleet.limit[i]];
      const near = Math.max(fleet.step / 2, (4 / this.plot) * (this.surge.view[1] - this.surge.view[0]));
      const moments = fleet.moments.filter((each) => Math.abs(each.at - at) <= near).slice(0, 6);
      return [
        this.surge.clock(i * fleet.step) + this.surge.zone,
        `${number(fleet.demand[i])} requests/s asked for` +
          (retried > 0.01 * fleet.demand[i] ? `, ${number(retried)} more by retries` : ""),
        `${number(fleet.capacity[i])} requests/s capacity`,
        `${percent(fleet.hurt[i])} of users hurt, ${percent(fleet.bad[i])} of requests bad`,
        `${number(fleet.answering[i])} of ${number(fleet.desired[i])} instances answer`,
        `in the way: ${kind ? kind.words : "nothing"}`,
        ...moments.map((each) => `${this.surge.clock(each.at)} ${each.words}`),
      ];
    }

    listen() {
      const { svg, surge } = this;
      svg.addEventListener("pointerdown", (event) => {
        if (event.button) return;
        this.drag = { at: this.time(event), x: event.clientX };
        svg.setPointerCapture(event.pointerId);
      });
      svg.addEventListener("pointermove", (event) => {
        const at = this.time(event);
        if (this.drag && Math.abs(event.clientX - this.drag.x) > 6) {
          const [from, to] = [this.x(this.drag.at), this.x(at)];
          this.chosen.setAttribute("x", Math.min(from, to));
          this.chosen.setAttribute("width", Math.abs(to - from));
        }
        surge.point(at);
      });
      svg.addEventListener("pointerup", (event) => {
        const { drag } = this;
        this.drag = null;
        this.chosen.setAttribute("width", 0);
        if (!drag || Math.abs(event.clientX - drag.x) <= 6) return;
        const at = this.time(event);
        surge.show(Math.min(drag.at, at), Math.max(drag.at, at));
      });
      svg.addEventListener("pointercancel", () => {
        this.drag = null;
        this.chosen.setAttribute("width", 0);
      });
      svg.addEventListener("pointerleave", () => {
        if (!this.drag) surge.point(null);
      });
      svg.addEventListener("dblclick", () => surge.act("whole"));
      svg.addEventListener(
        "wheel",
        (event) => {
          if (!event.ctrlKey && !event.metaKey) return;
          event.preventDefault();
          surge.zoom(event.deltaY < 0 ? 0.8 : 1.25, this.time(event));
        },
        { passive: false },
      );
      this.figure.addEventListener("keydown", (event) => this.key(event));
      this.figure.addEventListener("blur", () => surge.point(null));
    }

    key(event) {
      if (event.altKey || event.ctrlKey || event.metaKey) return;
      const { surge } = this;
      const stride = this.fleet.step * (event.shiftKey ? 10 : 1);
      const at = surge.at ?? surge.view[0];
      const actions = {
        ArrowLeft: () => surge.point(surge.at === null ? at : at - stride),
        ArrowRight: () => surge.point(surge.at === null ? at : at + stride),
        Home: () => surge.point(0),
        End: () => surge.point(surge.seconds),
        "+": () => surge.act("in"),
        "=": () => surge.act("in"),
        "-": () => surge.act("out"),
        0: () => surge.act("whole"),
        Escape: () => surge.point(null),
      };
      const action = actions[event.key];
      if (!action) return;
      event.preventDefault();
      action();
      this.said.textContent = surge.at === null ? "" : this.told(surge.at).join(". ");
    }
  }

  function alarms(moments, seconds) {
    const lanes = new Map();
    for (const each of moments) {
      if (each.kind !== "alarm" && each.kind !== "ok") continue;
      const lane = lanes.get(each.subject) ?? { name: each.name, spans: [], since: null };
      if (each.kind === "alarm" && lane.since === null) lane.since = each.at;
      else if (each.kind === "ok" && lane.since !== null) {
        lane.spans.push([lane.since, each.at]);
        lane.since = null;
      } else continue;
      lanes.set(each.subject, lane);
    }
    for (const lane of lanes.values()) {
      if (lane.since !== null) lane.spans.push([lane.since, seconds]);
    }
    return [...lanes.values()];
  }

  document.documentElement.classList.add("drawn");
  const sections = document.querySelectorAll(".surge");
  data.surges.forEach((surge, index) => new Surge(surge, sections[index]));
})();
