"""The script of the page: it places what `place.py` places, by the same arithmetic, draws it, and opens and closes scopes."""

SCRIPT = r"""
'use strict';
const data = JSON.parse(document.getElementById('graph-data').textContent);
const items = data.items, M = data.measures;
const svgNS = 'http://www.w3.org/2000/svg';
const opened = new Set(data.opened);
const canvas = document.getElementById('canvas'), view = document.getElementById('view');
const about = document.getElementById('about'), status = document.getElementById('status');
let selected = null, zoom = 1;

function add(parent, name, attributes, text) {
  const element = document.createElementNS(svgNS, name);
  for (const key in attributes) element.setAttribute(key, attributes[key]);
  if (text !== undefined) element.textContent = text;
  parent.appendChild(element);
  return element;
}
const isPoint = i => items[i].t === 'p';
const isScope = i => items[i].t === 's';
const isOpen = i => isScope(i) && opened.has(i);
const chainOf = link => link.back ? [link.b, ...link.via, link.a] : [link.a, ...link.via, link.b];

function distance(a, b, sizes) {
  return (sizes[a][0] + sizes[b][0]) / 2 + (isPoint(a) && isPoint(b) ? M.betweenWays : M.between);
}

function centresOf(scope, sizes) {
  const above = {}, below = {}, centre = {};
  for (const link of scope.links) {
    const chain = chainOf(link);
    for (let i = 1; i < chain.length; i++) {
      (above[chain[i]] = above[chain[i]] || []).push(chain[i - 1]);
      (below[chain[i - 1]] = below[chain[i - 1]] || []).push(chain[i]);
    }
  }
  for (const row of scope.rows) {
    let x = 0;
    row.forEach((item, i) => { if (i) x += distance(row[i - 1], item, sizes); centre[item] = x; });
    for (const item of row) centre[item] -= x / 2;
  }
  for (let sweep = 0; sweep < M.sweeps; sweep++) {
    const near = sweep % 2 ? below : above;
    const rows = sweep % 2 ? [...scope.rows].reverse() : scope.rows;
    for (const row of rows) {
      const wanted = row.map(item => near[item] ? near[item].reduce((s, o) => s + centre[o], 0) / near[item].length : centre[item]);
      const right = [...wanted], left = [...wanted];
      for (let i = 1; i < row.length; i++) right[i] = Math.max(right[i], right[i - 1] + distance(row[i - 1], row[i], sizes));
      for (let i = row.length - 2; i >= 0; i--) left[i] = Math.min(left[i], left[i + 1] - distance(row[i], row[i + 1], sizes));
      row.forEach((item, i) => { centre[item] = (right[i] + left[i]) / 2; });
    }
  }
  return centre;
}

function place(index, placed) {
  const scope = items[index], sizes = {};
  for (const row of scope.rows) for (const item of row) {
    if (isPoint(item)) sizes[item] = [0, 0];
    else if (isOpen(item)) { place(item, placed); sizes[item] = [placed[item].width, placed[item].height]; }
    else sizes[item] = [items[item].w, M.height];
  }
  const centre = centresOf(scope, sizes);
  let left = 0, right = 0, first = true;
  for (const row of scope.rows) for (const item of row) {
    const a = centre[item] - sizes[item][0] / 2, b = centre[item] + sizes[item][0] / 2;
    left = first ? a : Math.min(left, a); right = first ? b : Math.max(right, b); first = false;
  }
  const title = (scope.l.length + 6) * M.character + 30;
  const spare = Math.max(0, title - (right - left) - 2 * M.padding) / 2;
  const own = {at: {}, top: {}, bottom: {}};
  let y = M.header;
  scope.rows.forEach((row, i) => {
    const height = Math.max(0, ...row.map(item => sizes[item][1]));
    for (const item of row) {
      const [w, h] = sizes[item];
      own.at[item] = {x: centre[item] - w / 2 - left + M.padding + spare, y: y + (height - h) / 2, w: w, h: h};
      own.top[item] = y; own.bottom[item] = y + height;
    }
    y += height;
    const next = scope.rows[i + 1];
    if (next) y += row.every(isPoint) || next.every(isPoint) ? 20 : 24 + Math.min(40, 1.5 * (row.length + next.length));
  });
  own.width = right - left + 2 * (M.padding + spare);
  own.height = y + M.padding;
  placed[index] = own;
}

function endOf(link, item, isTop, own, placed) {
  const box = own.at[item];
  let x = box.x + box.w / 2, y = isTop ? box.y + box.h : box.y;
  const port = link.ends[item];
  if (isOpen(item) && port !== undefined && !link.back) x = box.x + placed[item].at[port].x;
  if (isPoint(item)) y = isTop ? 0 : own.height;
  return [x, y];
}

function drawLink(layer, link, own, placed, x, y) {
  const chain = chainOf(link), last = chain[chain.length - 1];
  const start = endOf(link, chain[0], true, own, placed), end = endOf(link, last, false, own, placed);
  let at = [start[0], own.bottom[chain[0]]];
  let d = 'M' + (start[0] + x) + ' ' + (start[1] + y) + (at[1] === start[1] ? '' : 'V' + (at[1] + y));
  for (let i = 1; i < chain.length; i++) {
    const item = chain[i], box = own.at[item], to = [item === last ? end[0] : box.x + box.w / 2, own.top[item]];
    const bend = (to[1] - at[1]) / 2;
    d += 'C' + [at[0] + x, at[1] + bend + y, to[0] + x, to[1] - bend + y, to[0] + x, to[1] + y].join(' ');
    at = [to[0], item === last ? end[1] : own.bottom[item]];
    if (at[1] !== to[1]) d += 'V' + (at[1] + y);
  }
  const path = add(layer, 'path', {d: d, class: 'link' + (link.control ? ' control' : '') + (link.back ? ' back' : '')});
  if (!isPoint(link.b) && !isOpen(link.b)) path.setAttribute(link.back ? 'marker-start' : 'marker-end', 'url(#arrow)');
  if (link.count > 1) path.setAttribute('stroke-width', Math.min(3, 1 + 0.25 * link.count));
  path.dataset.a = link.a; path.dataset.b = link.b;
}

function drawBox(layer, index, at, x, y) {
  const item = items[index], look = data.looks[item.r], scope = isScope(index);
  const what = scope ? 'scope, closed' : item.k;
  const g = add(layer, 'g', {class: scope ? 'closed' : 'box', tabindex: 0, role: 'button', 'data-index': index,
    'aria-label': item.n + ', ' + what + ', ' + item.r});
  if (scope) g.setAttribute('aria-expanded', 'false');
  add(g, 'title', {}, item.x);
  const shape = {width: at.w, height: at.h, rx: item.r === 'state' && !scope ? at.h / 2 : 4, fill: look.fill, stroke: look.edge};
  if (scope) add(g, 'rect', {...shape, x: x + 3, y: y + 3});
  add(g, 'rect', {...shape, x: x, y: y});
  add(g, 'text', {class: 'letter', x: x + 11, y: y + 15, 'text-anchor': 'middle'}, look.letter);
  add(g, 'text', {x: x + at.w / 2 + 6, y: y + 15, 'text-anchor': 'middle'}, item.l);
  add(g, 'text', {class: 'second', x: x + at.w / 2 + 6, y: y + 29, 'text-anchor': 'middle'}, item.s);
}

function drawScope(layer, index, placed, x, y) {
  const scope = items[index], own = placed[index];
  if (index !== data.root) {
    const g = add(layer, 'g', {class: 'scope'});
    add(g, 'title', {}, scope.x);
    add(g, 'rect', {class: 'frame', x: x, y: y, width: own.width, height: own.height, rx: 6});
  }
  for (const link of scope.links) drawLink(layer, link, own, placed, x, y);
  if (index !== data.root) {
    const head = add(layer, 'g', {class: 'head', tabindex: 0, role: 'button', 'aria-expanded': 'true', 'data-index': index,
      'aria-label': scope.n + ', scope, open'});
    add(head, 'title', {}, 'close ' + scope.n);
    add(head, 'rect', {x: x + 4, y: y + 3, width: Math.min(own.width - 8, scope.l.length * M.character + 26), height: 18, rx: 3});
    add(head, 'text', {class: 'title', x: x + 9, y: y + 16}, '\u2212 ' + scope.l);
  }
  for (const row of scope.rows) for (const item of row) {
    if (isPoint(item)) continue;
    const at = own.at[item];
    if (isOpen(item)) drawScope(layer, item, placed, x + at.x, y + at.y);
    else drawBox(layer, item, at, x + at.x, y + at.y);
  }
}

function draw() {
  const placed = {};
  place(data.root, placed);
  const own = placed[data.root];
  canvas.querySelectorAll('.layer').forEach(old => old.remove());
  const layer = add(canvas, 'g', {class: 'layer'});
  drawScope(layer, data.root, placed, 0, 0);
  canvas.setAttribute('viewBox', '0 0 ' + own.width + ' ' + own.height);
  scale(zoom, own);
  canvas.dataset.width = own.width; canvas.dataset.height = own.height;
  show();
  const seen = layer.querySelectorAll('.box, .closed').length;
  status.textContent = seen + ' boxes shown, ' + opened.size + ' scopes open';
  document.body.dataset.drawn = seen;
}

function scale(factor) {
  zoom = Math.max(0.1, Math.min(4, factor));
  const box = canvas.getAttribute('viewBox').split(' ').map(Number);
  canvas.setAttribute('width', box[2] * zoom);
  canvas.setAttribute('height', box[3] * zoom);
}

function toggle(index, keepAt) {
  const before = keepAt && keepAt.getBoundingClientRect();
  if (opened.has(index)) opened.delete(index); else opened.add(index);
  draw();
  const now = canvas.querySelector('[data-index="' + index + '"]');
  if (now && before) {
    const after = now.getBoundingClientRect();
    view.scrollLeft += after.left - before.left;
    view.scrollTop += after.top - before.top;
    now.focus({preventScroll: true});
  }
}

function show() {
  canvas.querySelectorAll('.chosen').forEach(old => old.classList.remove('chosen'));
  if (selected === null) { about.textContent = 'Choose a box to read about it; choose a scope to open or close it.'; return; }
  const item = items[selected];
  about.textContent = item.x;
  const lists = [['takes from', data.edges.filter(e => e[1] === selected).map(e => e[0])],
                 ['goes to', data.edges.filter(e => e[0] === selected).map(e => e[1])]];
  for (const [word, found] of lists) {
    if (!found.length) continue;
    const p = document.createElement('p');
    p.textContent = word + ':';
    about.appendChild(p);
    const ul = document.createElement('ul');
    for (const other of found) {
      const li = document.createElement('li'), button = document.createElement('button');
      button.textContent = items[other].n;
      button.addEventListener('click', () => reveal(other));
      li.appendChild(button); ul.appendChild(li);
    }
    about.appendChild(ul);
  }
  const box = canvas.querySelector('.box[data-index="' + selected + '"]');
  if (box) box.classList.add('chosen');
  canvas.querySelectorAll('.link').forEach(path => {
    if (+path.dataset.a === selected || +path.dataset.b === selected) path.classList.add('chosen');
  });
}

function reveal(index) {
  for (let around = items[index].around; around !== undefined && around !== null; around = items[around].around) opened.add(around);
  selected = index;
  draw();
  const box = canvas.querySelector('[data-index="' + index + '"]');
  if (box) { box.scrollIntoView({block: 'center', inline: 'center'}); box.focus({preventScroll: true}); }
}

function choose(target) {
  const g = target.closest('[data-index]');
  if (!g) return;
  const index = +g.dataset.index;
  if (isScope(index)) toggle(index, g);
  else { selected = selected === index ? null : index; show(); }
}

let drag = null;
view.addEventListener('pointerdown', e => { if (e.button === 0) drag = [e.clientX, e.clientY, view.scrollLeft, view.scrollTop, false]; });
window.addEventListener('pointermove', e => {
  if (!drag) return;
  const dx = e.clientX - drag[0], dy = e.clientY - drag[1];
  if (Math.abs(dx) + Math.abs(dy) > 4) drag[4] = true;
  if (drag[4]) { view.scrollLeft = drag[2] - dx; view.scrollTop = drag[3] - dy; }
});
let quiet = false;
window.addEventListener('pointerup', () => { quiet = Boolean(drag && drag[4]); drag = null; });
canvas.addEventListener('click', e => { if (quiet) { quiet = false; return; } choose(e.target); });
canvas.addEventListener('keydown', e => { if (e.key === 'Enter' || e.key === ' ') { e.preventDefault(); choose(e.target); } });
view.addEventListener('wheel', e => {
  if (!e.ctrlKey && !e.metaKey) return;
  e.preventDefault();
  const box = canvas.getBoundingClientRect(), old = zoom;
  scale(zoom * Math.exp(-e.deltaY / 400));
  const x = e.clientX - box.left, y = e.clientY - box.top;
  view.scrollLeft += x * (zoom / old - 1); view.scrollTop += y * (zoom / old - 1);
}, {passive: false});
document.getElementById('more').addEventListener('click', () => scale(zoom * 1.25));
document.getElementById('less').addEventListener('click', () => scale(zoom / 1.25));
document.getElementById('whole').addEventListener('click', () => {
  const box = canvas.getAttribute('viewBox').split(' ').map(Number);
  scale(Math.min(1, (view.clientWidth - 20) / box[2], (view.clientHeight - 20) / box[3]));
});
document.getElementById('real').addEventListener('click', () => scale(1));
document.getElementById('close').addEventListener('click', () => { opened.clear(); opened.add(data.root); draw(); });
document.getElementById('open').addEventListener('click', () => {
  items.forEach((item, i) => { if (item.t === 's') opened.add(i); });
  draw();
});
document.getElementById('find').addEventListener('change', e => {
  const wanted = e.target.value.trim();
  if (!wanted) return;
  let found = items.findIndex(item => item.t === 'b' && item.n === wanted);
  if (found < 0) found = items.findIndex(item => item.t === 'b' && item.n.toLowerCase().includes(wanted.toLowerCase()));
  if (found >= 0) reveal(found); else status.textContent = 'nothing is called ' + wanted;
});
draw();
view.scrollLeft = (view.scrollWidth - view.clientWidth) / 2;
"""
