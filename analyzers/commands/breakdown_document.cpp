#include "analyzers/commands/breakdown_report.hpp"

namespace latency::commands {

breakdown_report::breakdown_report(const recording& recorded)
    : run(recorded),
      tree(run),
      devices(run, tree),
      proven(make_proof(run, tree, devices)),
      health(analysis::hygiene(run, tree, proven)),
      components(analysis::components(run, tree)),
      hierarchy(analysis::hierarchy_of(run, tree)),
      generated(analysis::generation(run, tree)),
      switched(analysis::switches(run, tree, generated)),
      cache(analysis::kv_cache(run, tree)),
      op_names(analysis::device_op_names(run)),
      kernels(analysis::kernels(run, devices)),
      device_parts(analysis::device_components(run, tree, devices)),
      copies(analysis::copies(run, devices)),
      advice(analysis::advise(run, health, components, generated, switched, cache)) {}

render::document breakdown_document(const breakdown_report& report, const std::string& source,
                                    bool detailed) {
  render::document result{"breakdown", "Latency breakdown", source, {}};
  result.sections = {hygiene_section(report), run_section(report),
                     components_section(report, detailed), hierarchy_section(report),
                     proof_section(report)};
  if (has_device(report)) {
    result.sections.push_back(device_section(report, detailed));
    result.sections.push_back(kernels_section(report, detailed));
    result.sections.push_back(gaps_section(report, detailed));
    result.sections.push_back(copies_section(report));
    result.sections.push_back(calls_section(report, detailed));
    result.sections.push_back(events_section(report, detailed));
  }
  result.sections.push_back(switches_section(report, detailed));
  result.sections.push_back(generation_section(report, detailed));
  result.sections.push_back(kv_cache_section(report));
  if (detailed) {
    result.sections.push_back(blocks_section(report));
    result.sections.push_back(steps_section(report));
  }
  result.sections.push_back(advice_section(report));
  return result;
}

}  // namespace latency::commands
