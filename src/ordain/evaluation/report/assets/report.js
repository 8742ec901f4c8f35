"use strict";
(function () {
  const root = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const manyRows = 25;
  const figures = JSON.parse(document.getElementById("figures").textContent);
  const canvases = [...document.querySelectorAll("[data-figure]")];
  let plotly = null;

  function colour(name) {
    return getComputedStyle(root).getPropertyValue(name).trim();
  }

  // The figures carry the colours of their lines; those of paper, text and grid follow the page.
  function template() {
    const axis = {
      gridcolor: colour("--grid"), linecolor: colour("--line"), zerolinecolor: colour("--line"),
      tickcolor: colour("--line"), zeroline: false, ticks: "outside", ticklen: 4,
      title: { standoff: 10, font: { size: 12, color: colour("--soft") } },
    };
    return {
      data: { heatmap: [{ textfont: { color: colour("--ink") } }] },
      layout: {
        paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
        font: { family: getComputedStyle(document.body).fontFamily, size: 12, color: colour("--soft") },
        hoverlabel: { bgcolor: colour("--card"), bordercolor: colour("--line"), font: { color: colour("--ink") } },
        annotationdefaults: { font: { color: colour("--soft"), size: 11 } },
        xaxis: axis, yaxis: axis, hovermode: "closest", bargap: 0.25,
        legend: { font: { color: colour("--ink") } },
      },
    };
  }

  // A page of paper is about 700 pixels wide; a plot as wide as the screen would run off it.
  const paperWidth = 640, halfPaperWidth = 300;

  function printedWidth(canvas) {
    const isAlone = canvas.closest("figure").matches(".wide, :last-child:nth-child(odd), :has(+ .card)");
    return isAlone ? paperWidth : halfPaperWidth;
  }

  function draw(canvas) {
    const figure = figures[canvas.dataset.figure];
    const isPrinted = root.classList.contains("print");
    const size = isPrinted ? { width: printedWidth(canvas), autosize: false } : { autosize: true };
    const layout = Object.assign({}, figure.layout, size, { template: template() });
    const config = { responsive: true, displaylogo: false, displayModeBar: false };
    return plotly.react(canvas, figure.data, layout, config).then(function () {
      canvas.dataset.drawn = "yes";
    });
  }

  function explain(error) {
    const text = "This plot cannot be drawn here (" + error.message + "). The numbers in the tables are complete; " +
      "a current Chrome, Edge, Firefox or Safari shows the plots.";
    for (const canvas of canvases) {
      if (canvas.dataset.drawn) { continue; }
      const message = document.createElement("p");
      message.className = "missing";
      message.textContent = text;
      canvas.replaceChildren(message);
    }
  }

  async function load() {
    if (typeof DecompressionStream === "undefined") {
      throw new Error("the browser cannot unpack the drawing code");
    }
    const holder = document.getElementById("plotly");
    const packed = Uint8Array.from(atob(holder.textContent), function (c) { return c.charCodeAt(0); });
    holder.remove();
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
    const source = await new Response(stream).blob();
    const address = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
    await new Promise(function (done, failed) {
      const script = document.createElement("script");
      script.onload = done;
      script.onerror = function () { failed(new Error("the drawing code did not load")); };
      script.src = address;
      document.head.append(script);
    });
    URL.revokeObjectURL(address);
    return window.Plotly;
  }

  async function drawAll() {
    for (const canvas of canvases) {
      await draw(canvas);
    }
  }

  function sortBy(header) {
    const table = header.closest("table");
    const place = [...header.parentElement.children].indexOf(header);
    const isNumber = header.classList.contains("number");
    const before = header.getAttribute("aria-sort");
    const direction = before ? (before === "ascending" ? "descending" : "ascending") : (isNumber ? "descending" : "ascending");
    const sign = direction === "ascending" ? 1 : -1;
    // A cell without a value to sort by, such as an interval, sorts by where its text begins.
    const value = function (row) {
      const cell = row.children[place];
      if (cell.dataset.value !== undefined) { return cell.dataset.value; }
      const text = cell.textContent.trim();
      const begins = parseFloat(text.replaceAll(",", ""));
      return isNumber ? (Number.isNaN(begins) ? "" : begins) : text;
    };
    const rows = [...table.tBodies[0].rows];
    rows.sort(function (one, other) {
      const a = value(one), b = value(other);
      if (a === "" || b === "") { return (a === "") - (b === ""); }
      return sign * (isNumber ? Number(a) - Number(b) : a.localeCompare(b));
    });
    table.tBodies[0].append(...rows);
    for (const other of header.parentElement.children) { other.removeAttribute("aria-sort"); }
    header.setAttribute("aria-sort", direction);
  }

  for (const header of document.querySelectorAll("table.sortable th")) {
    const button = document.createElement("button");
    button.type = "button";
    button.title = header.title;
    button.append(...header.childNodes);
    header.append(button);
    button.addEventListener("click", function () { sortBy(header); });
  }

  // A table that is too long to look through gets a field that keeps rows with a text.
  for (const table of document.querySelectorAll("table.sortable")) {
    if (table.tBodies[0].rows.length <= manyRows) { continue; }
    const field = document.createElement("input");
    field.type = "search";
    field.className = "find";
    field.placeholder = "Show rows with \u2026";
    field.setAttribute("aria-label", "Show only rows with this text");
    field.addEventListener("input", function () {
      const wanted = field.value.toLowerCase();
      for (const row of table.tBodies[0].rows) {
        row.hidden = !row.textContent.toLowerCase().includes(wanted);
      }
    });
    table.parentElement.before(field);
  }

  function redraw() {
    if (plotly) { canvases.forEach(function (canvas) { draw(canvas); }); }
  }

  const isDark = function () {
    return root.dataset.theme ? root.dataset.theme === "dark" : dark.matches;
  };
  const toggle = document.createElement("button");
  toggle.type = "button";
  const name = function () { toggle.textContent = isDark() ? "\u2600 Light" : "\u263e Dark"; };
  toggle.addEventListener("click", function () {
    root.dataset.theme = isDark() ? "light" : "dark";
    name();
    redraw();
  });
  name();
  document.querySelector("nav > div").append(toggle);

  addEventListener("beforeprint", function () {
    root.classList.add("print");
    for (const part of document.querySelectorAll("section > details")) { part.open = true; }
    redraw();
  });
  addEventListener("afterprint", function () {
    root.classList.remove("print");
    redraw();
  });
  dark.addEventListener("change", function () { name(); redraw(); });

  if (canvases.length) {
    load().then(function (loaded) { plotly = loaded; return drawAll(); }).catch(explain);
  }
})();
