// Timing files that the page is tested with, made from the hand-computed one of tests/data.
import fs from 'node:fs';
import path from 'node:path';
import {folder, repository} from './browser.mjs';

export const sample = path.join(repository, 'tests/data/timing/two_segments.json');
export const trace = path.join(repository, 'tests/data/traces/longlive_interactive.pt.trace.json.gz');

export const hostileNames = [
  '</script><script>window.hacked = 1</script>', '<img src=x onerror="window.hacked = 1">', '<!-- <script> ]]>',
  '"><svg onload=window.hacked=1>', "' onmouseover='window.hacked = 1", '😀 emoji 🧨', 'line\u2028separator\u2029',
  '{{7*7}} ${7*7} %s {}', 'javascript:window.hacked=1', 'a'.repeat(5000) + '<b>' + 'z'.repeat(5000), '\u202egnitirw', '&lt;b&gt;'
];

function write(name, change) {
  const file = JSON.parse(fs.readFileSync(sample, 'utf8'));
  change(file);
  const to = path.join(folder, name);
  fs.writeFileSync(to, JSON.stringify(file));
  return to;
}

// Spans of a table with `rows` of them, everything else empty.
function withSpans(file, rows) {
  for (const [key, value] of Object.entries(file)) {
    if (!value || typeof value !== 'object' || ['schema', 'run', 'clock', 'overhead', 'hygiene'].includes(key)) continue;
    if (Array.isArray(value)) continue;
    if (key !== 'threads') for (const column of Object.keys(value)) file[key][column] = [];
  }
  const columns = Object.keys(file.spans);
  for (const column of columns) file.spans[column] = rows.map(row => row[column] ?? (column === 'attributes' ? null : 0));
}

export const hostile = () => write('hostile.json', file => {
  // Names that mean something stay, so that blocks and switches are still found.
  const free = ['diffusion_forward', 'interactive_block_input_prep', 'interactive_timestep_prep', 'interactive_noise_scheduling',
                'interactive_output_recording', 'interactive_context_prep', 'interactive_vae_input_prep', 'interactive_denoising_step',
                'interactive_denoising_step_final', 'prompt_switch_recache_setup', 'interactive_vae_postprocess', 'interactive_text_encoding'];
  file.strings = file.strings.map(name => free.includes(name) ? hostileNames[free.indexOf(name)] : name);
  file.threads.name[0] = '</title><script>window.hacked = 1</script>';
  file.run['<b>key</b>'] = '</script><script>window.hacked = 1</script>';
});

// Pixel frame 8, due at 499.92 ms, comes at 620.
export const late = () => write('late.json', file => { file.pixel_frames.complete_ns[8] = 620000000; });

export const empty = () => write('empty.json', file => withSpans(file, []));

export const oneSpan = () => write('one_span.json', file => {
  file.strings = ['only'];
  withSpans(file, [{id: 1, parent: 0, start_ns: 100, duration_ns: 1000}]);
});

// More spans than a page can hold one by one: steps of ten layers.
export const many = (count = 300000) => write('many.json', file => {
  file.strings = ['step', 'layer'];
  const rows = [];
  for (let id = 1, time = 0; id <= count; time += 2000) {
    const step = id++;
    rows.push({id: step, parent: 0, start_ns: time, duration_ns: 1900, name: 0});
    for (let layer = 0; layer < 10; ++layer)
      rows.push({id: id++, parent: step, start_ns: time + 190 * layer, duration_ns: 150 + layer, name: 1});
  }
  file.wall_ns = 2000 * Math.ceil(count / 11);
  withSpans(file, rows);
});
