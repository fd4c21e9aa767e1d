"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const DAY = 86400;
  const unpack = (deltas) => { let sum = 0; return deltas.map((step) => (sum += step)); };
  const charts = [];
  let range = null;
  let isLog = false;

  const escapeHtml = (text) => text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
  const two = (number) => String(number).padStart(2, "0");
  const dateText = (at) => {
    const d = new Date(at * 1000);
    const day = `${d.getUTCFullYear()}-${two(d.getUTCMonth() + 1)}-${two(d.getUTCDate())}`;
    return `${day} ${two(d.getUTCHours())}:${two(d.getUTCMinutes())}`;
  };
  // A close at midnight belongs to the day that it ends.
  const momentText = (at) => (at % DAY ? `${dateText(at)} UTC` : dateText(at - 1).slice(0, 10));
  const grouped = (value, digits) =>
    value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
  const compact = (value) => {
    const size = Math.abs(value);
    const [scale, suffix] = size >= 1e9 ? [1e9, "G"] : size >= 1e6 ? [1e6, "M"] : size >= 1e4 ? [1e3, "k"] : [1, ""];
    return (value / scale).toLocaleString("en-US", { maximumSignificantDigits: 5 }) + suffix;
  };
  const percent = (value) => `${Number((value * 100).toFixed(4))} %`;

  const valueTicks = (low, high, count) => {
    if (!(high > low)) return [low];
    const rough = (high - low) / count;
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 2.5, 5, 10].map((s) => s * power).find((s) => s >= rough * 0.999);
    const ticks = [];
    for (let i = Math.ceil(low / step - 1e-9); i <= Math.floor(high / step + 1e-9); i++) ticks.push(i * step || 0);
    return ticks;
  };
  const logTicks = (low, high) => {
    const ticks = [];
    for (let power = 10 ** Math.floor(Math.log10(low)); power <= high; power *= 10)
      for (const step of [1, 1.5, 2, 3, 5, 7]) if (step * power >= low && step * power <= high) ticks.push(step * power);
    return ticks.length > 1 ? ticks : valueTicks(low, high, 5);
  };
  const timeTicks = (first, last, count) => {
    const days = (last - first) / DAY;
    const ticks = [];
    if (days < 60) {
      const step = Math.max(1, Math.ceil(days / count)) * DAY;
      for (let at = Math.ceil(first / DAY) * DAY; at <= last; at += step) ticks.push([at, dateText(at).slice(5, 10)]);
      return ticks;
    }
    const step = [1, 2, 3, 6, 12, 24, 60, 120, 240, 600].find((s) => days / 30.44 / s <= count) || 600;
    const start = new Date(first * 1000);
    for (let m = Math.ceil((start.getUTCFullYear() * 12 + start.getUTCMonth()) / step) * step; ; m += step) {
      const at = Date.UTC(Math.floor(m / 12), m % 12, 1) / 1000;
      if (at > last) return ticks;
      if (at >= first) ticks.push([at, step % 12 ? `${Math.floor(m / 12)}-${two((m % 12) + 1)}` : `${Math.floor(m / 12)}`]);
    }
  };
  const lowerBound = (times, at) => {
    let low = 0, high = times.length;
    while (low < high) { const mid = (low + high) >> 1; if (times[mid] < at) low = mid + 1; else high = mid; }
    return low;
  };
  const triangle = (x, y, isUp) =>
    isUp ? `M${x} ${y}l5 9h-10Z` : `M${x} ${y}l5 -9h-10Z`;

  class Chart {
    constructor(svg, height, series, options) {
      Object.assign(this, { svg, height, series, markers: [], write: compact, mayLog: false }, options);
      svg.classList.add("live");
      svg.addEventListener("pointermove", (event) => this.hover(event));
      svg.addEventListener("pointerleave", () => charts.forEach((chart) => chart.point(null)));
      svg.addEventListener("pointerdown", (event) => { this.from = this.timeAt(event); svg.setPointerCapture(event.pointerId); });
      svg.addEventListener("pointerup", (event) => this.release(event));
      svg.addEventListener("pointercancel", () => { this.from = undefined; });
      svg.addEventListener("dblclick", () => zoom(null));
      charts.push(this);
    }
    layout() {
      this.width = Math.max(320, this.svg.clientWidth || 1000);
      const spans = this.series.filter((s) => s.t.length);
      const whole = [Math.min(...spans.map((s) => s.t[0])), Math.max(...spans.map((s) => s.t[s.t.length - 1]))];
      [this.first, this.last] = range || whole;
      const visible = [];
      for (const one of spans) {
        const start = Math.max(0, lowerBound(one.t, this.first) - 1);
        const stop = Math.min(one.t.length, lowerBound(one.t, this.last) + 2);
        for (let i = start; i < stop; i++) if (one.v[i] !== null) visible.push(one.v[i]);
      }
      let low = visible.reduce((a, b) => Math.min(a, b), Infinity);
      let high = visible.reduce((a, b) => Math.max(a, b), -Infinity);
      if (!visible.length) [low, high] = [0, 1];
      this.log = this.mayLog && isLog && low > 0;
      const isArea = spans.some((s) => s.area);
      if (isArea) high = 0;
      if (this.log) { const pad = (high / low) ** 0.04 || 1.01; low /= pad; high *= pad; }
      else { const span = high - low || Math.max(Math.abs(high), 1) * 0.1; this.floor = low >= 0 ? 0 : -Infinity; low -= 0.04 * span; if (!isArea) high += 0.04 * span; }
      if (high === low) high = low + 1;
      [this.low, this.high] = [low, high];
    }
    x(at) { return 64 + ((this.width - 76) * (at - this.first)) / Math.max(this.last - this.first, 1); }
    y(value) {
      const share = this.log
        ? Math.log(value / this.low) / Math.log(this.high / this.low)
        : (value - this.low) / (this.high - this.low);
      return this.height - 24 - (this.height - 34) * share;
    }
    draw() {
      if (!this.series.some((s) => s.t.length)) return;
      this.layout();
      const right = this.width - 12;
      const clip = `clip-${this.svg.id}`;
      const parts = [`<clipPath id="${clip}"><rect x="64" y="0" width="${this.width - 76}" height="${this.height - 22}"/></clipPath>`];
      const ticks = this.log ? logTicks(this.low, this.high) : valueTicks(this.low, this.high, this.height > 200 ? 5 : 3);
      for (const value of ticks) {
        if (value < this.floor) continue;
        const y = this.y(value).toFixed(1);
        parts.push(`<path class="grid" d="M64 ${y}H${right}"/><text class="axis end" x="58" y="${+y + 4}">${this.write(value)}</text>`);
      }
      for (const [at, text] of timeTicks(this.first, this.last, Math.max(3, Math.floor(this.width / 110))))
        parts.push(`<text class="axis" x="${this.x(at).toFixed(1)}" y="${this.height - 6}">${text}</text>`);
      parts.push(`<g clip-path="url(#${clip})">`);
      for (const one of this.series) {
        const start = Math.max(0, lowerBound(one.t, this.first) - 1);
        const stop = Math.min(one.t.length, lowerBound(one.t, this.last) + 2);
        let shape = "", pen = "M";
        for (let i = start; i < stop; i++) {
          if (one.v[i] === null || (this.log && one.v[i] <= 0)) { pen = "M"; continue; }
          shape += `${pen}${this.x(one.t[i]).toFixed(1)} ${this.y(one.v[i]).toFixed(1)}`;
          pen = "L";
        }
        if (one.area && shape) {
          const base = this.y(0).toFixed(1);
          parts.push(`<path class="${one.style} area" d="${shape}L${this.x(one.t[stop - 1]).toFixed(1)} ${base}L${this.x(one.t[start]).toFixed(1)} ${base}Z"/>`);
        }
        parts.push(`<path class="${one.style}" d="${shape}"/>`);
      }
      const standing = new Map();
      for (const [at, price, kind, text] of this.markers) {
        if (at < this.first || at > this.last) continue;
        const isBuy = kind === "long_entry" || kind === "short_exit";
        const below = standing.get(`${at}${isBuy}`) || 0;
        standing.set(`${at}${isBuy}`, below + 1);
        const x = this.x(at).toFixed(1), y = (this.y(price) + (isBuy ? 1 : -1) * (3 + 11 * below)).toFixed(1);
        parts.push(`<path class="mark ${kind}" d="${triangle(x, y, isBuy)}"><title>${escapeHtml(dateText(at))} ${escapeHtml(text)}</title></path>`);
      }
      parts.push('</g><g class="over"></g>');
      this.svg.setAttribute("viewBox", `0 0 ${this.width} ${this.height}`);
      this.svg.innerHTML = parts.join("");
      this.over = this.svg.querySelector(".over");
      this.point(null);
    }
    timeAt(event) {
      const box = this.svg.getBoundingClientRect();
      const x = ((event.clientX - box.left) * this.width) / box.width;
      const share = Math.min(1, Math.max(0, (x - 64) / (this.width - 76)));
      return this.first + share * (this.last - this.first);
    }
    hover(event) {
      const at = this.timeAt(event);
      charts.forEach((chart) => chart.point(at));
      if (this.from !== undefined && this.over) {
        const a = this.x(Math.min(at, this.from)), b = this.x(Math.max(at, this.from));
        this.over.innerHTML += `<rect class="brush" x="${a}" y="10" width="${b - a}" height="${this.height - 34}"/>`;
      }
    }
    release(event) {
      const from = this.from, to = this.timeAt(event);
      this.from = undefined;
      if (from !== undefined && Math.abs(this.x(to) - this.x(from)) > 8) zoom([Math.min(from, to), Math.max(from, to)]);
    }
    point(at) {
      if (!this.over || !this.svg.clientWidth) return;
      const isHovered = at !== null && at >= this.first && at <= this.last;
      if (!isHovered) at = this.last;
      const texts = [];
      let place = null;
      for (const one of this.series) {
        let i = lowerBound(one.t, at);
        if (i > 0 && (i === one.t.length || at - one.t[i - 1] < one.t[i] - at)) i -= 1;
        if (one.v[i] === null || one.v[i] === undefined) continue;
        place = place || [one.t[i], one.v[i]];
        texts.push(`${escapeHtml(one.name)} <b>${one.show(one.v[i])}</b>`);
      }
      if (!place) return;
      const x = this.x(place[0]).toFixed(1);
      this.over.innerHTML = !isHovered ? "" : `<path class="cursor" d="M${x} 10V${this.height - 24}"/><circle class="dot" cx="${x}" cy="${this.y(place[1]).toFixed(1)}" r="3.5"/>`;
      this.readout.innerHTML = `${momentText(place[0])} &nbsp; ${texts.join(" &nbsp; ")}`;
    }
  }

  const money = (value) => grouped(value, 2);
  const series = (source, name, style, show, area) =>
    ({ t: unpack(source.t), v: source.v, name, style, show, area: Boolean(area) });
  const byId = (id) => document.getElementById(id);
  const redraw = () => charts.forEach((chart) => chart.draw());
  const zoom = (to) => {
    range = to;
    byId("reset").hidden = !to;
    document.querySelectorAll("[data-years]").forEach((one) => one.setAttribute("aria-pressed", String(!to && one.dataset.years === "0")));
    redraw();
  };

  if (byId("equity")) {
    const equity = [series(data.equity, "Equity", "equity", money)];
    if (data.benchmark) equity.push(series(data.benchmark, data.benchmark.name, "benchmark", money));
    new Chart(byId("equity"), 320, equity, { readout: byId("equity-readout"), mayLog: true });
    new Chart(byId("drawdown"), 150, [series(data.drawdown, "Drawdown", "drawdown", (v) => `${(v * 100).toFixed(2)} %`, true)],
      { readout: byId("drawdown-readout"), write: percent });
    byId("log").addEventListener("click", (event) => {
      isLog = !isLog;
      event.currentTarget.setAttribute("aria-pressed", String(isLog));
      redraw();
    });
  }
  data.prices.forEach((one, place) => {
    const at = unpack(one.m.t);
    const markers = at.map((t, i) => [t, one.m.p[i], data.kinds[one.m.k[i]], one.m.x[i]]);
    new Chart(byId(`price-${place}`), 340, [series(one, one.name, "price", (v) => grouped(v, v < 10 ? 4 : 2))],
      { readout: byId(`price-${place}-readout`), mayLog: true, markers });
  });
  const tabs = [...document.querySelectorAll('[role="tab"]')];
  const choose = (place) => {
    tabs.forEach((tab, i) => {
      tab.setAttribute("aria-selected", String(i === place));
      tab.tabIndex = i === place ? 0 : -1;
      byId(tab.getAttribute("aria-controls")).hidden = i !== place;
    });
    redraw();
  };
  tabs.forEach((tab, place) => {
    tab.addEventListener("click", () => choose(place));
    tab.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step) return;
      const next = (place + step + tabs.length) % tabs.length;
      choose(next);
      tabs[next].focus();
    });
  });
  document.querySelectorAll(".live-only").forEach((one) => { one.hidden = false; });
  if (tabs.length) choose(0);
  const ends = charts.length ? charts[0].series[0].t : [];
  document.querySelectorAll("[data-years]").forEach((button) => {
    const years = Number(button.dataset.years), last = ends[ends.length - 1];
    button.addEventListener("click", () => {
      zoom(years ? [Math.max(ends[0], last - years * 365.25 * DAY), last] : null);
      document.querySelectorAll("[data-years]").forEach((one) => one.setAttribute("aria-pressed", String(one === button)));
    });
  });
  if (byId("reset")) byId("reset").addEventListener("click", () => zoom(null));
  let pending = 0;
  window.addEventListener("resize", () => { cancelAnimationFrame(pending); pending = requestAnimationFrame(redraw); });
  redraw();

  document.querySelectorAll("table.sortable").forEach((table) => {
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = head.textContent;
      head.textContent = "";
      head.append(button);
      button.addEventListener("click", () => {
        const isDown = head.getAttribute("aria-sort") === "ascending";
        heads.forEach((one) => one.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", isDown ? "descending" : "ascending");
        const isNumber = head.classList.contains("num");
        const key = (row) => {
          const text = row.cells[column].textContent;
          const number = Number.parseFloat(text.replace(/,/g, ""));
          return isNumber ? (Number.isNaN(number) ? -Infinity : number) : text;
        };
        const rows = [...table.tBodies[0].rows].map((row, place) => [key(row), place, row]);
        rows.sort((a, b) => (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : a[1] - b[1]) * (isDown ? -1 : 1));
        rows.forEach(([, , row], place) => {
          row.className = place < data.shown ? "" : "more";
          table.tBodies[0].append(row);
        });
      });
    });
  });
})();
