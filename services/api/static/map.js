// The map of the home page. The list beside it holds the same without this script.
(function () {
  "use strict";
  const box = document.getElementById("map");
  const says = box.dataset;
  const french = document.documentElement.lang === "fr";
  const numbers = [0, 1, 2, 3].map(
    (digits) => new Intl.NumberFormat(document.documentElement.lang, { maximumFractionDigits: digits })
  );
  const themes = new Map(says.themes.split(";").map((entry) => entry.split("=")));
  const CELL = 38; // px; two symbols closer than this are drawn as one

  async function load() {
    const features = [];
    let url = says.source;
    while (url) {
      const response = await fetch(url, { headers: { Accept: "application/geo+json" } });
      if (!response.ok) throw new Error(`${url}: ${response.status}`);
      features.push(...(await response.json()).features);
      const next = /<([^>]+)>; rel="next"/.exec(response.headers.get("Link") || "");
      url = next && next[1];
    }
    return features.filter((feature) => feature.geometry);
  }

  function element(name, text, attributes) {
    const made = document.createElement(name);
    if (text) made.textContent = text;
    for (const [key, value] of Object.entries(attributes || {})) made.setAttribute(key, value);
    return made;
  }

  function told(value) {
    if (value.kind === "state") return value.value >= 0.5 ? says.yes : says.no;
    const size = Math.abs(value.value);
    const text = numbers[size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3].format(value.value);
    const close = value.unit_label === "°" || (value.unit_label === "%" && !french);
    return value.unit_label ? text + (close ? "" : "\u00a0") + value.unit_label : text;
  }

  function card(feature, most) {
    const point = feature.properties;
    const article = element("article");
    article.append(element("h3", point.name));
    article.append(element("p", [themes.get(point.theme), point.site, point.commune_name].filter(Boolean).join(" · ")));
    const list = element("dl");
    for (const value of point.latest.slice(0, most)) {
      const label = french ? value.label_fr : value.label_en;
      list.append(element("dt", value.channel ? `${label} (${value.channel})` : label), element("dd", told(value)));
    }
    article.append(point.latest.length ? list : element("p", says.none));
    article.append(element("a", says.see, { href: says.point.replace("{id}", point.id) }));
    return article;
  }

  function symbol(theme) {
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    svg.setAttribute("class", `t-${theme}`);
    svg.setAttribute("aria-hidden", "true");
    const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
    use.setAttribute("href", `#t-${theme}`);
    svg.append(use);
    return svg;
  }

  // Several places: how many, in a ring that shows their themes in proportion.
  function ring(features, size) {
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    svg.setAttribute("viewBox", "0 0 44 44");
    svg.setAttribute("width", size);
    svg.setAttribute("height", size);
    svg.setAttribute("aria-hidden", "true");
    const shape = (name, attributes) => {
      const made = document.createElementNS("http://www.w3.org/2000/svg", name);
      for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
      svg.append(made);
      return made;
    };
    shape("circle", { class: "disc", cx: 22, cy: 22, r: 21.5 });
    const counts = new Map();
    for (const { properties } of features) counts.set(properties.theme, (counts.get(properties.theme) || 0) + 1);
    let done = 0;
    for (const [theme, count] of [...counts].sort()) {
      const part = (count / features.length) * 100;
      shape("circle", {
        class: `arc t-${theme}`, cx: 22, cy: 22, r: 17.5, pathLength: 100,
        "stroke-dasharray": `${Math.max(part - (counts.size > 1 ? 2 : 0), 1)} 100`, "stroke-dashoffset": 25 - done,
      });
      done += part;
    }
    shape("text", { x: 22, y: 27 }).textContent = String(features.length);
    return svg;
  }

  const place = (feature) => L.latLng(feature.geometry.coordinates[1], feature.geometry.coordinates[0]);

  // Markers for what is near each other on the screen: one symbol for a place, a number for several places.
  function gather(map, features) {
    const cells = new Map();
    for (const feature of features) {
      const at = map.project(place(feature));
      let home = null;
      for (const cell of cells.values()) {
        if (Math.abs(cell.at.x - at.x) < CELL && Math.abs(cell.at.y - at.y) < CELL) { home = cell; break; }
      }
      if (home) home.features.push(feature);
      else cells.set(feature.id, { at, features: [feature] });
    }
    return [...cells.values()].map((cell) => cell.features);
  }

  function marker(map, features) {
    const bounds = L.latLngBounds(features.map(place));
    const onePlace = bounds.getNorthEast().distanceTo(bounds.getSouthWest()) < 30;
    const first = features[0].properties;
    const content = element("span");
    let icon, title;
    if (onePlace) {
      content.append(symbol(first.theme));
      if (features.length > 1) content.append(element("span", String(features.length), { class: "several", "aria-hidden": "true" }));
      icon = L.divIcon({ className: "pin", html: content, iconSize: [34, 34], iconAnchor: [17, 17], popupAnchor: [0, -14] });
      title = features.length > 1 ? `${first.site}, ${says.here.replace("{}", features.length)}` : first.name;
    } else {
      const size = Math.min(64, 36 + Math.sqrt(features.length) * 4);
      content.append(ring(features, size));
      icon = L.divIcon({ className: "crowd", html: content, iconSize: [size, size] });
      title = says.here.replace("{}", features.length);
    }
    const made = L.marker(onePlace ? place(features[0]) : bounds.getCenter(), { icon, title, alt: title, riseOnHover: true });
    if (onePlace) {
      made.bindPopup(() => {
        const popup = element("div");
        popup.append(...features.map((feature) => card(feature, features.length > 1 ? 3 : 6)));
        return popup;
      }, { maxWidth: 320, minWidth: 220 });
    } else {
      made.on("click", () => map.fitBounds(bounds.pad(0.3), { maxZoom: 18 }));
    }
    made.ids = new Set(features.map((feature) => feature.id));
    return made;
  }

  // Convex hull (Andrew's monotone chain) of positions widened by `margin` degrees of latitude.
  function around(points, margin) {
    const widened = points.flatMap((point) =>
      [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11].map((step) => {
        const angle = (step * Math.PI) / 6;
        const stretch = Math.cos((point.lat * Math.PI) / 180);
        return [point.lng + (Math.cos(angle) * margin) / stretch, point.lat + Math.sin(angle) * margin];
      })
    ).sort((a, b) => a[0] - b[0] || a[1] - b[1]);
    const turn = (o, a, b) => (a[0] - o[0]) * (b[1] - o[1]) - (a[1] - o[1]) * (b[0] - o[0]);
    const half = (ordered) => {
      const chain = [];
      for (const point of ordered) {
        while (chain.length > 1 && turn(chain[chain.length - 2], chain[chain.length - 1], point) <= 0) chain.pop();
        chain.push(point);
      }
      chain.pop();
      return chain;
    };
    return [...half(widened), ...half([...widened].reverse())].map(([lng, lat]) => [lat, lng]);
  }

  // Without a background a territory still has communes: a soft area and a name around the points of each.
  function drawCommunes(map, features) {
    const communes = new Map();
    for (const feature of features) {
      const name = feature.properties.commune_name;
      if (name) communes.set(name, [...(communes.get(name) || []), feature]);
    }
    const all = L.latLngBounds(features.map(place)).pad(0.1);
    const margin = Math.min(0.02, Math.max(0.0004, (all.getNorth() - all.getSouth()) / 22));
    return [...communes].sort((a, b) => b[1].length - a[1].length).map(([name, members]) => {
      const area = around(members.map(place), margin);
      L.polygon(area, { className: "place", interactive: false, smoothFactor: 0 }).addTo(map);
      const icon = L.divIcon({ className: "place-name", html: element("span", name), iconSize: null });
      const label = L.marker(area[0], { icon, interactive: false, keyboard: false, zIndexOffset: -1000 }).addTo(map);
      return { label, area: L.latLngBounds(area), ids: new Set(members.map((member) => member.id)), name };
    });
  }

  // A name stands above its area, or on the side where least is in its way.
  function nameCommunes(map, communes, layer) {
    const HEIGHT = 20;
    const shown = L.bounds(map.project(map.getBounds().getNorthWest()), map.project(map.getBounds().getSouthEast()));
    const symbols = [];
    layer.eachLayer((made) => {
      const at = map.project(made.getLatLng());
      const reach = made.options.icon.options.iconSize[0] / 2 + 2;
      symbols.push({ bounds: L.bounds(at.subtract([reach, reach]), at.add([reach, reach])), ids: made.ids });
    });
    // Names keep clear of the controls, in the view a page begins with and after each zoom.
    const corner = box.getBoundingClientRect();
    const taken = [...box.querySelectorAll(".leaflet-control")].map((control) => {
      const { left, top, width, height } = control.getBoundingClientRect();
      const at = shown.min.add([left - corner.left, top - corner.top]);
      return L.bounds(at, at.add([width, height]));
    });
    for (const { label, area, ids, name } of communes) {
      const around = L.bounds(map.project(area.getNorthWest()), map.project(area.getSouthEast()));
      for (const symbol of symbols)
        if ([...ids].some((id) => symbol.ids.has(id))) around.extend(symbol.bounds.min).extend(symbol.bounds.max);
      const { min, max } = around;
      const half = label.getElement().firstChild.offsetWidth / 2 || name.length * 4;
      const middle = { x: (min.x + max.x) / 2, y: (min.y + max.y + HEIGHT) / 2 };
      const [over, under, left, right] = [min.y, max.y + HEIGHT, min.x - half, max.x + half];
      const spots = [
        [middle.x, over], [middle.x, under], [right, middle.y], [left, middle.y],
        [right - half / 2, over], [left + half / 2, over], [right - half / 2, under], [left + half / 2, under],
      ];
      let best = null;
      spots.forEach(([x, bottom], order) => {
        const spot = L.bounds([x - half, bottom - HEIGHT], [x + half, bottom]);
        const cost =
          taken.filter((other) => other.intersects(spot)).length * 8 +
          symbols.filter((symbol) => symbol.bounds.overlaps(spot)).length * 8 +
          (shown.intersects(around) && !shown.contains(spot) ? 10 : 0) + order / 10;
        if (best === null || cost < best.cost) best = { cost, spot, at: L.point(x, bottom) };
      });
      // A name that would cover another waits until one zooms in.
      const fits = best.cost < 8;
      if (fits) taken.push(best.spot);
      label.setOpacity(fits ? 1 : 0);
      label.setLatLng(map.unproject(best.at));
    }
  }

  function addBackground(map) {
    if (!says.tiles) return;
    const tiles = L.tileLayer(says.tiles, { maxZoom: 19, attribution: says.attribution, alt: "" });
    tiles.on("tileload", () => box.classList.add("has-tiles"));
    let failed = 0;
    tiles.on("tileerror", () => {
      failed += 1;
      // No background is better than a patchwork, and no request better than one that fails.
      if (failed === 4 && !box.classList.contains("has-tiles")) tiles.remove();
    });
    tiles.addTo(map);
  }

  function show(features) {
    box.replaceChildren();
    const map = L.map(box, {
      scrollWheelZoom: false, maxZoom: 19, zoomSnap: 0.5, zoomControl: false, attributionControl: Boolean(says.tiles),
    });
    L.control.zoom({ zoomInTitle: says.zoomIn, zoomOutTitle: says.zoomOut }).addTo(map);
    if (map.attributionControl) map.attributionControl.setPrefix(false);
    L.control.scale({ imperial: false }).addTo(map);
    map.on("focus click", () => map.scrollWheelZoom.enable());
    map.on("blur", () => map.scrollWheelZoom.disable());
    if (features.length) map.fitBounds(L.latLngBounds(features.map(place)).pad(0.12), { maxZoom: 15, paddingTopLeft: [48, 0] });
    else map.setView([46.6, 2.4], 5);
    addBackground(map);
    const communes = features.length ? drawCommunes(map, features) : [];
    const layer = L.layerGroup().addTo(map);
    let zoom = null;
    const redraw = () => {
      if (map.getZoom() === zoom) return;
      zoom = map.getZoom();
      box.classList.toggle("near", zoom > 12);
      layer.clearLayers();
      for (const group of gather(map, features)) layer.addLayer(marker(map, group));
      nameCommunes(map, communes, layer);
    };
    map.on("zoomend", redraw);
    redraw();
    map.on("popupopen", (event) => {
      event.popup.getElement().querySelector(".leaflet-popup-close-button").setAttribute("aria-label", says.close);
      const link = event.popup.getElement().querySelector("article a");
      if (link && document.activeElement && document.activeElement.classList.contains("pin")) link.focus();
    });
    box.addEventListener("keydown", (event) => {
      if (event.key === "Escape") map.closePopup();
    });
    map.on("popupclose", (event) => {
      const pin = event.popup._source && event.popup._source.getElement();
      if (pin && event.popup.getElement().contains(document.activeElement)) pin.focus();
    });
    followList(layer);
    box.dataset.ready = "true";
  }

  // A line of the list that is pointed at or focused lights its symbol.
  function followList(layer) {
    const light = (id, on) => layer.eachLayer((made) => {
      if (made.ids.has(id)) made.getElement().classList.toggle("lit", on);
    });
    for (const row of document.querySelectorAll("tr[data-point]")) {
      const id = Number(row.dataset.point);
      for (const [name, on] of [["mouseenter", true], ["mouseleave", false], ["focusin", true], ["focusout", false]])
        row.addEventListener(name, () => light(id, on));
    }
  }

  load().then(show).catch((error) => {
    console.warn(error);
    box.replaceChildren(element("p", says.failed, { class: "notice" }));
  });
})();
