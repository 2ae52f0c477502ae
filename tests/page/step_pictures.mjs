// The pictures of docs/longlive-gpu.md: step_pictures.mjs FOLDER REPORT.html, of a recording of denoising_step.
import path from 'node:path';
import {launch, open} from './browser.mjs';

const [folder, report] = process.argv.slice(2);
const browser = await launch();

// Shows a device stream between the starts of two kernels of a name, the last but `before` and the one after it.
async function picture(kernel, before, file) {
  const {page} = await open(browser, report, {width: 1200, height: 900});
  await page.evaluate(([kernel, before]) => {
    const {timeline} = document.querySelector('.timeline');
    const {data} = timeline;
    const id = data.names.findIndex(([name]) => name.endsWith(kernel));
    const starts = data.level(data.levels.length - 1).flatMap((lane, l) => data.lanes[l].track.kind === 'device stream'
      ? [...lane.start].filter((_, i) => lane.name[i] === id) : []);
    const [from, to] = starts.slice(-before - 1);
    timeline.show(from - (to - from) * 0.01, to + (to - from) * 0.01);
    timeline.draw();
  }, [kernel, before]);
  await page.locator('.timeline canvas').screenshot({path: path.join(folder, file)});
}
await picture('::patchify_kernel', 2, 'denoising_step.png');
await picture('qk_norm_rope_kernel', 12, 'denoising_layer.png');
await browser.close();
