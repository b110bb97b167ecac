"""The script of the report: draws the curves and histograms, and answers mouse and keyboard.

It puts all text into the page as text, never as HTML.
"""

from graphopt.inspection.reporting.plots import CURVES, RIDGES

_TOOLS = r"""
'use strict';
const data = JSON.parse(document.getElementById('data').textContent);
const SVG = 'http://www.w3.org/2000/svg';
const DASHES = ['', '9 4', '2 3', '11 4 2 4', '5 2', '14 3 3 3', '1 5', '7 7'];
const all = (query, root = document) => [...root.querySelectorAll(query)];
const make = (name, attributes = {}, text) => {
  const element = document.createElementNS(SVG, name);
  for (const key in attributes) element.setAttribute(key, attributes[key]);
  if (text !== undefined) element.textContent = text;
  return element;
};
const tag = (name, className, text) => {
  const element = document.createElement(name);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
};
const colour = run => `var(--c${run % 8})`;
const dash = run => DASHES[(run + Math.floor(run / 8)) % 8];
const swatch = run => {
  const svg = make('svg', {viewBox: '0 0 34 8', 'aria-hidden': 'true'});
  svg.append(make('line', {x1: 0, x2: 34, y1: 4, y2: 4, stroke: colour(run), 'stroke-width': 3, 'stroke-dasharray': dash(run)}));
  return svg;
};
const number = value => {
  if (value === null || value === undefined) return 'not finite';
  const size = Math.abs(value);
  if (value === 0) return '0';
  if (size >= 1e6 || size < 1e-3) return value.toExponential(3).replace(/\.?0+e/, 'e').replace('e+', 'e');
  return String(+value.toPrecision(5));
};
const brief = value => {
  const size = Math.abs(value);
  if (value === 0) return '0';
  if (size >= 1e9 || size < 1e-4) return value.toExponential(1).replace('.0e', 'e').replace('e+', 'e');
  for (const [unit, letter] of [[1e6, 'M'], [1e4, 'k']])
    if (size >= unit) return +(value / (letter === 'k' ? 1e3 : unit)).toPrecision(4) + letter;
  return String(+value.toPrecision(4));
};
const pad = value => String(value).padStart(2, '0');
const duration = seconds => {
  if (seconds < 10) return +seconds.toPrecision(3) + ' s';
  const whole = Math.round(seconds), hours = Math.floor(whole / 3600);
  return (hours ? hours + ':' + pad(Math.floor(whole / 60) % 60) : Math.floor(whole / 60)) + ':' + pad(whole % 60);
};
const clock = (seconds, withDay) => {
  const at = new Date(seconds * 1000), time = `${pad(at.getHours())}:${pad(at.getMinutes())}:${pad(at.getSeconds())}`;
  return withDay ? `${at.getFullYear()}-${pad(at.getMonth() + 1)}-${pad(at.getDate())} ${time}` : time;
};
const onX = value => state.x === 'step' ? brief(value) : state.x === 'relative' ? duration(value) : clock(value, false);
const ticks = (low, high, count) => {
  const rough = (high - low) / count, power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find(factor => factor * power >= rough * 0.999);
  const found = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i++) found.push(+(i * step).toPrecision(12));
  return found;
};
const logTicks = (low, high) => {
  const found = [], decades = high - low, every = Math.max(1, Math.ceil(decades / 7));
  for (let power = Math.floor(low); power <= Math.ceil(high); power++)
    for (const factor of decades < 2.5 ? [1, 2, 5] : [1])
      if (factor > 1 || power % every === 0) found.push(Math.log10(factor) + power);
  return found.filter(at => at >= low - 1e-9 && at <= high + 1e-9);
};
const smoothed = (values, weight) => {
  if (!weight) return values;
  let last = 0, share = 0;
  return values.map(value => {
    if (value === null) return null;
    last = last * weight + (1 - weight) * value;
    share = share * weight + (1 - weight);
    return last / share;
  });
};
const state = {x: 'step', smooth: 0, log: false, outliers: false, zoom: null, hidden: new Set(), cursor: null};
"""

_PAGE = r"""
const plots = [];
const isSeen = plot => plot.plot.offsetParent !== null;
const drawSeen = () => plots.filter(plot => plot.isStale && plot.isNear && isSeen(plot)).forEach(plot => plot.draw());
const redraw = () => { plots.forEach(plot => { plot.isStale = true; }); drawSeen(); };
const zoomTo = ends => {
  state.zoom = ends;
  document.getElementById('unzoom').hidden = !ends;
  redraw();
};
all('figure[data-chart]').forEach(figure => plots.push(new Chart(figure, +figure.dataset.chart)));
all('figure[data-ridges]').forEach(figure => plots.push(new RidgePlot(figure, +figure.dataset.ridges)));
const watcher = new IntersectionObserver(entries => {
  for (const entry of entries) plots.find(plot => plot.figure === entry.target).isNear = entry.isIntersecting;
  drawSeen();
}, {rootMargin: '600px'});
plots.forEach((plot, i) => { plot.isNear = i < 24; watcher.observe(plot.figure); });
const listen = (id, event, act) => {
  const element = document.getElementById(id);
  if (element) element.addEventListener(event, () => act(element));
};
const setSmooth = slider => {
  state.smooth = +slider.value;
  document.getElementById('smooth-value').textContent = state.smooth.toFixed(2);
};
listen('smooth', 'input', slider => { setSmooth(slider); redraw(); });
listen('log', 'change', box => { state.log = box.checked; redraw(); });
listen('outliers', 'change', box => { state.outliers = box.checked; redraw(); });
listen('x', 'change', select => { state.x = select.value; zoomTo(null); });
listen('unzoom', 'click', () => zoomTo(null));
listen('theme', 'change', select => {
  if (select.value) document.documentElement.dataset.theme = select.value; else delete document.documentElement.dataset.theme;
});
listen('filter', 'input', field => {
  let fits;
  try {
    const wanted = new RegExp(field.value, 'i');
    fits = text => wanted.test(text);
  } catch {
    fits = text => text.includes(field.value);
  }
  all('figure[data-tag]').forEach(figure => figure.classList.toggle('hidden', !fits(figure.dataset.tag)));
  all('details.group').forEach(group => {
    const count = all('figure:not(.hidden)', group).length;
    group.classList.toggle('hidden', !count);
    if (field.value && count) group.open = true;
  });
  drawSeen();
});
all('input[data-run]').forEach(box => {
  const run = +box.dataset.run;
  box.after(swatch(run));
  box.addEventListener('change', () => {
    if (box.checked) state.hidden.delete(run); else state.hidden.add(run);
    all(`figure[data-of-run="${run}"]`).forEach(figure => figure.classList.toggle('off', !box.checked));
    redraw();
  });
});
all('details.group').forEach(group => group.addEventListener('toggle', () => requestAnimationFrame(drawSeen)));
all('.frames').forEach(frames => {
  const items = all('.frame', frames);
  if (items.length < 2) return;
  const slider = tag('input'), show = at => items.forEach((item, i) => { item.hidden = i !== at; });
  Object.assign(slider, {type: 'range', min: 0, max: items.length - 1, value: items.length - 1});
  slider.setAttribute('aria-label', 'step');
  const say = () => { show(+slider.value); slider.setAttribute('aria-valuetext', items[+slider.value].dataset.step); };
  slider.addEventListener('input', say);
  frames.prepend(slider);
  say();
});
const slider = document.getElementById('smooth');
if (slider) setSmooth(slider);
let waiting = 0;
addEventListener('resize', () => { clearTimeout(waiting); waiting = setTimeout(redraw, 120); });
addEventListener('beforeprint', () => plots.filter(isSeen).forEach(plot => plot.draw()));
drawSeen();
"""

SCRIPT = _TOOLS + CURVES + RIDGES + _PAGE
