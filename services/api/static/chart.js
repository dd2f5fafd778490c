// Reading values off the charts, by pointer or arrow keys. Without this script the charts and tables stay as they are.
(function () {
  "use strict";
  const language = document.documentElement.lang;
  const HOUR = 3600;
  const TOP = 22;
  const BOTTOM = 178;
  const moment = new Intl.DateTimeFormat(language, {
    timeZone: "Europe/Paris", weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit",
  });

  const column = (text) => (text || "").split(",").map((cell) => (cell === "" ? null : Number(cell)));

  function shape(parent, name, attributes) {
    const made = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    parent.append(made);
    return made;
  }

  for (const plot of document.querySelectorAll(".plot")) {
    const { form, start, unit, decimals, keys } = plot.dataset;
    const values = column(plot.dataset.values);
    const low = column(plot.dataset.low);
    const high = column(plot.dataset.high);
    const readout = plot.parentElement.querySelector(".readout");
    const resting = readout.textContent;
    const frame = plot.querySelector("svg");
    const number = new Intl.NumberFormat(language, {
      maximumFractionDigits: form === "share" ? 0 : Number(decimals), style: form === "share" ? "percent" : "decimal",
    });
    let current = null;
    let cursor = null;

    const told = (value) => number.format(value) + (form === "share" || !unit ? "" : "\u00a0" + unit);

    function read(index) {
      current = index;
      if (cursor === null) cursor = shape(frame, "line", { class: "cursor", y1: TOP - 8, y2: BOTTOM });
      const x = ((index + 0.5) / values.length) * 100 + "%";
      cursor.setAttribute("x1", x);
      cursor.setAttribute("x2", x);
      const when = document.createElement("span");
      when.textContent = moment.format(new Date((Number(start) + index * HOUR) * 1000)) + (language === "fr" ? "\u00a0: " : ": ");
      const what = document.createElement("b");
      what.textContent = told(values[index]);
      const range = document.createElement("span");
      if (form === "line" && low[index] !== high[index])
        range.textContent = ` (${number.format(low[index])} – ${number.format(high[index])})`;
      readout.replaceChildren(when, what, range);
    }

    function rest() {
      current = null;
      if (cursor !== null) cursor.remove();
      cursor = null;
      readout.textContent = resting;
    }

    // The nearest hour with a value; looking one way only when `step` is given.
    function nearest(index, step) {
      for (let distance = 0; distance < values.length; distance += 1) {
        for (const candidate of step ? [index + step * distance] : [index - distance, index + distance])
          if (candidate >= 0 && candidate < values.length && values[candidate] !== null) return candidate;
      }
      return null;
    }

    plot.tabIndex = 0;
    plot.setAttribute("role", "group");
    plot.setAttribute("aria-label", keys);
    plot.addEventListener("pointermove", (event) => {
      const bounds = frame.getBoundingClientRect();
      const index = Math.floor(((event.clientX - bounds.left) / bounds.width) * values.length);
      const found = nearest(Math.min(Math.max(index, 0), values.length - 1));
      if (found !== null) read(found);
    });
    plot.addEventListener("pointerleave", rest);
    plot.addEventListener("blur", rest);
    plot.addEventListener("keydown", (event) => {
      const last = values.length - 1;
      const from = current === null ? last + 1 : current;
      const found = {
        ArrowLeft: () => nearest(from - 1, -1),
        ArrowRight: () => nearest(current === null ? 0 : from + 1, 1),
        Home: () => nearest(0, 1),
        End: () => nearest(last, -1),
      }[event.key];
      if (!found) return;
      event.preventDefault();
      const index = found();
      if (index !== null) read(index);
    });
  }
})();
