#include "analyzers/charts/picture.hpp"

#include <duktape.h>

#include <cstring>
#include <string_view>

#include "analyzers/charts/library.hpp"
#include "analyzers/charts/option.hpp"
#include "latency/error.hpp"

namespace latency::charts {
namespace {

// What ECharts expects of a browser; its complaints become errors.
constexpr std::string_view surroundings = R"(
var complaints = [];
function complain() { complaints.push(Array.prototype.join.call(arguments, ' ')); }
var console = {log: complain, warn: complain, error: complain};
function setTimeout() { return 0; }
function clearTimeout() {}
)";

// Widths of texts, for layout: of a wide sans serif font (DejaVu Sans), so that nothing is cut off
// with the fonts that a page finds.
constexpr std::string_view font_widths = R"(
echarts.setPlatformAPI({measureText: function (text, font) {
  var size = parseFloat((/(\d+(\.\d+)?)px/.exec(font || '') || [0, 12])[1]);
  var bold = /bold|[6-9]00/.test(font || '') ? 1.1 : 1;
  var em = 0;
  for (var i = 0; i < text.length; i++) {
    var c = text.charAt(i);
    em += c > '~' ? 1 : /[mwMW@%]/.test(c) ? 0.95 : /[fijlrt.,:;|'!()\[\] ]/.test(c) ? 0.36 : /[A-Z]/.test(c) ? 0.7 : 0.62;
  }
  return {width: em * size * bold};
}});
)";

constexpr std::string_view drawing = R"(
function draw(option, width, height) {
  var chart = echarts.init(null, 'latency', {renderer: 'svg', ssr: true, width: width, height: height});
  try {
    option = JSON.parse(option);
    chart.setOption(option);
    thinMarkLabels(chart, option);
    var svg = chart.renderToSVGString();
  } finally {
    chart.dispose();
  }
  if (complaints.length) throw new Error(complaints.splice(0).join('; '));
  return withoutPageParts(svg);
}
// What only a page uses: which datum a shape belongs to, and how it changes under a pointer.
function withoutPageParts(svg) {
  return svg.replace(/ (ecmeta_[a-z_]+|class)="[^"]*"/g, '').replace(/<style[^>]*>[^<]*(<!\[CDATA\[[^\]]*\]\]>)?[^<]*<\/style>/, '');
}
)";

}  // namespace

std::string svg_missing() {
  return echarts_source().empty()
             ? "this build has no chart library: install npm (Debian: npm) and "
               "build again with a connection to the npm registry"
             : "";
}

struct painter::engine {
  duk_context* js = duk_create_heap_default();

  engine() {
    if (js == nullptr) throw error("", "charts", "not enough memory for the JavaScript engine");
  }
  ~engine() { duk_destroy_heap(js); }
  engine(const engine&) = delete;
  engine& operator=(const engine&) = delete;

  [[noreturn]] void fail(const std::string& doing) {
    const std::string why = duk_safe_to_string(js, -1);
    duk_pop(js);
    throw error("", doing, why);
  }
  void run(std::string_view code, const char* what) {
    if (duk_peval_lstring(js, code.data(), code.size()) != 0) fail(what);
    duk_pop(js);
  }
  // Bytecode is only for the very version that made it.
  void load_echarts() {
    duk_get_global_string(js, "Duktape");
    duk_get_prop_string(js, -1, "version");
    const bool same = duk_get_int(js, -1) == static_cast<int>(DUK_VERSION);
    duk_pop_2(js);
    const std::string_view bytecode = echarts_bytecode();
    if (!same || bytecode.empty()) return run(echarts_source(), "starting ECharts");
    std::memcpy(duk_push_fixed_buffer(js, bytecode.size()), bytecode.data(), bytecode.size());
    duk_load_function(js);
    if (duk_pcall(js, 0) != 0) fail("starting ECharts");
    duk_pop(js);
  }
};

painter::painter(theme which) {
  if (const std::string missing = svg_missing(); !missing.empty())
    throw error("", "charts", missing);
  engine_ = std::make_unique<engine>();
  engine_->run(surroundings, "starting ECharts");
  engine_->load_echarts();
  engine_->run(box_series(), "starting ECharts");
  engine_->run(mark_labels(), "starting ECharts");
  engine_->run(font_widths, "starting ECharts");
  engine_->run(drawing, "starting ECharts");
  engine_->run("echarts.registerTheme('latency', " + theme_json(which) +
                   "); registerLatencyBoxes(echarts, function () { return " +
                   (which == theme::dark ? "true" : "false") + "; });",
               "starting ECharts");
}

painter::~painter() = default;

std::string painter::svg(const chart& of, int width) {
  const std::string option = option_json(of);
  duk_context* const js = engine_->js;
  duk_get_global_string(js, "draw");
  duk_push_lstring(js, option.data(), option.size());
  duk_push_int(js, width);
  duk_push_int(js, of.height);
  if (duk_pcall(js, 3) != 0) engine_->fail("chart " + of.key);
  duk_size_t size = 0;
  const char* const text = duk_get_lstring(js, -1, &size);
  std::string svg = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
  if (text != nullptr) svg.append(text, size);
  svg += '\n';
  duk_pop(js);
  return svg;
}

}  // namespace latency::charts
