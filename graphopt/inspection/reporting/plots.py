"""The script's two kinds of plots: curves, and histograms as ridges."""

CURVES = r"""
const ROWS = 14, HEIGHT = 230, LEFT = 58, RIGHT = 14, TOP = 12, BOTTOM = 30;
const xs = series => {
  if (state.x === 'step') return series.step;
  const shift = state.x === 'relative' ? -data.runs[series.run].start : data.start;
  return series.time.map(time => time + shift);
};
class Chart {
  constructor(figure, at) {
    this.figure = figure;
    this.content = data.charts[at];
    this.plot = figure.querySelector('.plot');
    this.tip = tag('div', 'tip hidden');
    this.live = tag('div', 'read');
    this.live.setAttribute('aria-live', 'polite');
    figure.append(this.live);
    this.isStale = true;
    const button = figure.querySelector('button');
    button.addEventListener('click', () => this.resize(button));
    this.plot.addEventListener('pointermove', event => this.move(event));
    this.plot.addEventListener('pointerleave', () => this.point(null));
    this.plot.addEventListener('pointerdown', event => { if (event.button === 0) this.from = this.at(event); });
    this.plot.addEventListener('pointerup', event => this.select(event));
    this.plot.addEventListener('dblclick', () => zoomTo(null));
    this.plot.addEventListener('keydown', event => this.key(event));
    this.plot.addEventListener('blur', () => this.point(null));
  }
  resize(button) {
    const isWide = this.figure.classList.toggle('wide');
    button.textContent = isWide ? 'smaller' : 'larger';
    button.setAttribute('aria-pressed', isWide);
    this.draw();
  }
  draw() {
    this.isStale = false;
    const width = Math.max(this.plot.clientWidth, 220), height = this.figure.classList.contains('wide') ? 440 : HEIGHT;
    this.width = width; this.height = height;
    this.lines = this.content.series.filter(series => !state.hidden.has(series.run)).map(series => {
      const toY = value => value === null || (state.log && value <= 0) ? null : state.log ? Math.log10(value) : value;
      const lift = values => values && values.map(toY);
      const raw = lift(series.value), line = lift(smoothed(series.value, state.smooth));
      return {series, x: xs(series), raw, line, low: lift(series.low), high: lift(series.high)};
    });
    const svg = make('svg', {viewBox: `0 0 ${width} ${height}`, height, role: 'img', 'aria-label': this.content.label});
    this.scale();
    this.axes(svg);
    const clip = `clip${this.content.id}`, inner = make('g', {'clip-path': `url(#${clip})`}), path = make('clipPath', {id: clip});
    path.append(make('rect', {x: LEFT, y: TOP - 4, width: width - LEFT - RIGHT, height: height - TOP - BOTTOM + 8}));
    svg.append(path, inner);
    for (const line of this.lines) this.curve(inner, line);
    this.cursor = make('g');
    svg.append(this.cursor);
    if (!this.lines.some(line => line.raw.some(value => value !== null))) {
      const text = state.log ? 'nothing above zero to show' : 'nothing to show';
      svg.append(make('text', {x: width / 2, y: height / 2, 'text-anchor': 'middle'}, text));
    }
    this.plot.replaceChildren(svg, this.tip);
  }
  scale() {
    let [left, right] = state.zoom || [Infinity, -Infinity], shown = [];
    for (const {x} of state.zoom ? [] : this.lines)
      for (const at of x) { left = Math.min(left, at); right = Math.max(right, at); }
    if (!(left <= right)) [left, right] = [0, 1];
    if (left === right) [left, right] = [left - 1, right + 1];
    for (const {x, raw, line, low, high} of this.lines)
      x.forEach((at, i) => {
        if (at < left || at > right) return;
        for (const values of state.outliers ? [line] : [raw, low, high]) if (values && values[i] !== null) shown.push(values[i]);
      });
    shown.sort((a, b) => a - b);
    const cut = state.outliers ? Math.floor(shown.length * 0.05) : 0;
    let bottom = shown.length ? shown[cut] : 0, top = shown.length ? shown[shown.length - 1 - cut] : 1;
    const isFlat = top - bottom <= Math.max(Math.abs(top), Math.abs(bottom)) * 1e-7;
    const margin = isFlat ? Math.abs(top) * 0.1 || 1 : (top - bottom) * 0.05;
    this.x0 = left; this.x1 = right; this.y0 = bottom - margin; this.y1 = top + margin;
    this.X = value => LEFT + (value - left) / (right - left) * (this.width - LEFT - RIGHT);
    this.Y = value => this.height - BOTTOM - (value - this.y0) / (this.y1 - this.y0) * (this.height - TOP - BOTTOM);
  }
  axes(svg) {
    const base = this.height - BOTTOM;
    for (const at of state.log ? logTicks(this.y0, this.y1) : ticks(this.y0, this.y1, this.height / 46)) {
      const y = this.Y(at).toFixed(1);
      svg.append(make('line', {class: 'grid', x1: LEFT, x2: this.width - RIGHT, y1: y, y2: y}));
      svg.append(make('text', {x: LEFT - 8, y: +y + 4, 'text-anchor': 'end'}, brief(state.log ? 10 ** at : at)));
    }
    svg.append(make('line', {class: 'axis', x1: LEFT, x2: this.width - RIGHT, y1: base, y2: base}));
    for (const at of ticks(this.x0, this.x1, this.width / (state.x === 'step' ? 70 : 95))) {
      if (state.x === 'step' && at % 1) continue;
      const x = this.X(at).toFixed(1);
      svg.append(make('line', {class: 'axis', x1: x, x2: x, y1: base, y2: base + 4}));
      svg.append(make('text', {x, y: base + 17, 'text-anchor': 'middle'}, onX(at)));
    }
  }
  path(x, y) {
    let text = '', isDown = false;
    for (let i = 0; i < x.length; i++) {
      if (y[i] === null) { isDown = false; continue; }
      text += `${isDown ? 'L' : 'M'}${this.X(x[i]).toFixed(1)} ${this.Y(y[i]).toFixed(1)}`;
      isDown = true;
    }
    return text;
  }
  curve(root, {series, x, raw, line, low, high}) {
    const stroke = colour(series.run), base = {fill: 'none', stroke, 'stroke-linejoin': 'round'};
    if (low) {
      const keep = x.map((_, i) => i).filter(i => low[i] !== null && high[i] !== null), back = [...keep].reverse();
      const upper = this.path(keep.map(i => x[i]), keep.map(i => high[i]));
      const d = upper + this.path(back.map(i => x[i]), back.map(i => low[i])).replace('M', 'L');
      if (d) root.append(make('path', {class: 'band', d, fill: stroke, opacity: 0.2}));
    }
    if (state.smooth && !low) root.append(make('path', {class: 'raw', d: this.path(x, raw), ...base, 'stroke-width': 1, opacity: 0.35}));
    root.append(make('path', {class: 'curve', d: this.path(x, line), ...base, 'stroke-width': 2, 'stroke-dasharray': dash(series.run)}));
    line.forEach((value, i) => {
      const isAlone = value !== null && (i === 0 || line[i - 1] === null) && (i === line.length - 1 || line[i + 1] === null);
      if (isAlone) root.append(make('circle', {cx: this.X(x[i]).toFixed(1), cy: this.Y(value).toFixed(1), r: 3.5, fill: stroke}));
    });
    for (const [step, time, what] of series.bad) {
      const at = this.X(xs({run: series.run, step: [step], time: [time]})[0]);
      const mark = make('path', {class: 'bad', d: `M${at - 5} ${TOP + 8}l5 -9l5 9z`, fill: 'var(--bad)'});
      mark.append(make('title', {}, `${what} at step ${step}`));
      root.append(mark);
    }
  }
  at(event) {
    const box = this.plot.getBoundingClientRect();
    return this.x0 + (event.clientX - box.left - LEFT) / (this.width - LEFT - RIGHT) * (this.x1 - this.x0);
  }
  move(event) {
    const here = Math.min(this.x1, Math.max(this.x0, this.at(event)));
    this.point(here);
    if (this.from !== undefined && event.buttons & 1) {
      const [a, b] = [this.X(this.from), this.X(here)].sort((one, other) => one - other);
      this.cursor.append(make('rect', {class: 'select', x: a, width: b - a, y: TOP, height: this.height - TOP - BOTTOM}));
    }
  }
  select(event) {
    if (this.from === undefined) return;
    const ends = [this.from, this.at(event)].sort((a, b) => a - b);
    this.from = undefined;
    if (this.X(ends[1]) - this.X(ends[0]) > 6) zoomTo(ends);
  }
  nearest(x, to) {
    let low = 0, high = x.length - 1;
    while (low < high) { const middle = (low + high) >> 1; if (x[middle] < to) low = middle + 1; else high = middle; }
    return low > 0 && to - x[low - 1] <= x[low] - to ? low - 1 : low;
  }
  point(to) {
    this.here = to;
    if (!this.cursor) return;
    this.cursor.replaceChildren();
    this.tip.classList.toggle('hidden', to === null);
    if (to === null) return;
    const rows = this.lines.filter(line => line.x.length).map(line => [line, this.nearest(line.x, to)]);
    if (!rows.length) return this.tip.classList.add('hidden');
    const [{x: first}, place] = rows.reduce((a, b) => Math.abs(b[0].x[b[1]] - to) < Math.abs(a[0].x[a[1]] - to) ? b : a);
    const at = this.X(first[place]);
    this.cursor.append(make('line', {class: 'cross', x1: at, x2: at, y1: TOP, y2: this.height - BOTTOM}));
    const table = tag('table');
    for (const [{series, line}, i] of rows.slice(0, ROWS)) {
      if (line[i] !== null)
        this.cursor.append(make('circle', {cx: this.X(xs(series)[i]), cy: this.Y(line[i]), r: 4, fill: colour(series.run)}));
      const row = tag('tr'), cell = tag('td');
      cell.append(swatch(series.run));
      row.append(cell, tag('td', 'name', data.runs[series.run].name), tag('th', '', number(series.value[i])));
      row.append(tag('td', 'soft', this.besides(series, i)));
      table.append(row);
    }
    this.tip.replaceChildren(table);
    if (rows.length > ROWS) this.tip.append(tag('div', 'soft', `and ${rows.length - ROWS} more runs`));
    const isRight = at > this.width / 2;
    this.tip.style.cssText = `top:${TOP}px;${isRight ? `right:${this.width - at + 12}px` : `left:${at + 12}px`}`;
  }
  besides(series, i) {
    const range = series.low && series.low[i] !== series.high[i] ? `${number(series.low[i])} to ${number(series.high[i])}, ` : '';
    const time = state.x === 'wall' ? clock(series.time[i] + data.start, true) : duration(series.time[i] - data.runs[series.run].start);
    return `${range}step ${series.step[i]}, ${time}`;
  }
  key(event) {
    const places = [...new Set(this.lines.flatMap(line => line.x))].filter(x => x >= this.x0 && x <= this.x1).sort((a, b) => a - b);
    if (!places.length) return;
    const last = places.length - 1, now = this.here === null || this.here === undefined ? -1 : this.nearest(places, this.here);
    const by = (event.shiftKey ? 10 : 1) * ({ArrowLeft: -1, ArrowRight: 1}[event.key] || 0);
    if (event.key === 'Escape') { this.point(null); if (state.zoom) zoomTo(null); return; }
    const next = event.key === 'Home' ? 0 : event.key === 'End' ? last : by ? Math.min(last, Math.max(0, now + by)) : null;
    if (next === null) return;
    event.preventDefault();
    this.point(places[next]);
    const words = row => all('td, th', row).map(cell => cell.textContent).filter(Boolean).join(' ');
    this.live.textContent = all('tr', this.tip).map(words).join('; ');
  }
}
"""

RIDGES = r"""
class RidgePlot {
  constructor(figure, at) {
    this.figure = figure;
    this.content = data.histograms[at];
    this.plot = figure.querySelector('.plot');
    this.live = tag('div', 'read');
    this.live.setAttribute('aria-live', 'polite');
    figure.append(this.live);
    this.isStale = true;
    this.here = null;
    const button = figure.querySelector('button');
    button.addEventListener('click', () => Chart.prototype.resize.call(this, button));
    this.plot.addEventListener('pointermove', event => {
      const box = this.plot.getBoundingClientRect();
      this.point(Math.round((event.clientY - box.top - this.top) / this.gap));
    });
    this.plot.addEventListener('pointerleave', () => this.point(null));
    this.plot.addEventListener('blur', () => this.point(null));
    this.plot.addEventListener('keydown', event => {
      const by = {ArrowUp: -1, ArrowDown: 1, Home: -1e9, End: 1e9}[event.key];
      if (event.key === 'Escape') this.point(null);
      if (!by) return;
      event.preventDefault();
      this.point((this.here === null ? -1 : this.here) + by);
      this.live.textContent = this.label.textContent;
    });
  }
  draw() {
    this.isStale = false;
    const {rows, low, high, run} = this.content, last = rows.length - 1;
    const width = Math.max(this.plot.clientWidth, 220), height = this.figure.classList.contains('wide') ? 440 : 260;
    // The highest ridge reaches up to the line of words at the top: few rows are far apart and high, many are at least 46 high.
    const room = height - BOTTOM - 18, lift = last ? Math.max(46, room * 2.5 / (last + 2.5)) : room - 2;
    this.top = last ? lift + 18 : 130;
    this.gap = last ? (height - BOTTOM - this.top) / last : 1;
    const floor = i => last ? this.top + i * this.gap : height - BOTTOM;
    const left = 10, right = 60, bins = rows[0].counts.length, X = i => left + (i + 0.5) / bins * (width - left - right);
    const svg = make('svg', {viewBox: `0 0 ${width} ${height}`, height, role: 'img', 'aria-label': this.content.label});
    for (const at of ticks(low, high, width / 95)) {
      const x = (left + (at - low) / (high - low) * (width - left - right)).toFixed(1);
      svg.append(make('line', {class: 'grid', x1: x, x2: x, y1: 24, y2: height - BOTTOM}));
      svg.append(make('text', {x, y: height - BOTTOM + 18, 'text-anchor': 'middle'}, brief(at)));
    }
    const every = Math.ceil(rows.length / Math.max(1, (height - BOTTOM - this.top) / 20));
    this.ridges = rows.map((row, i) => {
      const base = floor(i), peak = Math.max(1e-30, ...row.counts);
      const points = row.counts.map((count, bin) => `${X(bin).toFixed(1)} ${(base - count / peak * lift).toFixed(1)}`);
      const d = `M${left} ${base}L${points.join('L')}L${width - right} ${base}`;
      const share = last ? Math.round(20 + 60 * i / last) : 60;
      const fill = `color-mix(in srgb, ${colour(run)} ${share}%, var(--card))`;
      const ridge = make('path', {class: 'ridge', d, fill, stroke: 'var(--card)', 'stroke-width': 1});
      svg.append(ridge);
      if ((last - i) % every === 0) svg.append(make('text', {x: width - right + 6, y: base + 4}, brief(row.step)));
      return ridge;
    });
    this.label = make('text', {x: left, y: 14});
    svg.append(this.label);
    this.plot.replaceChildren(svg);
  }
  point(to) {
    if (!this.ridges) return;
    if (this.here !== null) this.outline('var(--card)', 1);
    this.here = to === null ? null : Math.min(this.ridges.length - 1, Math.max(0, to));
    this.label.textContent = this.here === null ? '' : this.content.rows[this.here].text;
    if (this.here === null) return;
    this.outline('var(--ink)', 2);
  }
  outline(stroke, width) {
    this.ridges[this.here].setAttribute('stroke', stroke);
    this.ridges[this.here].setAttribute('stroke-width', width);
  }
}
"""
