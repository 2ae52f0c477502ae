// inspect_checkpoint FILE... [--names PATTERN] [--summary] [--json]
//
// Says what weight files hold, without loading them: format, models, tensors.

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <fnmatch.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <exception>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "latency/detail/printable.hpp"
#include "pipeline_reference/checkpoint/tensor_file.hpp"
#include "pipeline_reference/files/complaint.hpp"
#include "pipeline_reference/inspect/model_kind.hpp"

namespace {

using checkpoint::tensor_entry;
using latency::detail::printable;

constexpr const char* program = "inspect_checkpoint";

struct request {
  std::vector<std::string> paths;
  std::string names = "*";
  bool summary = false;
  bool json = false;
};

struct inspected_file {
  checkpoint::tensor_file file;
  std::vector<inspect::found_model> models;
  std::vector<const tensor_entry*> shown;
  std::int64_t elements = 0;
  std::uint64_t tensor_bytes = 0;
  std::map<std::string, std::int64_t> dtypes;  // tensors of each

  inspected_file(const std::string& path, const request& r)
      : file(checkpoint::tensor_file::open(path)), models(inspect::find_models(file.entries())) {
    for (const tensor_entry& entry : file.entries()) {
      elements += entry.elements;
      tensor_bytes += entry.size_bytes();
      ++dtypes[std::string(dtype_name(entry.dtype))];
      if (!r.summary && ::fnmatch(r.names.c_str(), entry.name.c_str(), 0) == 0)
        shown.push_back(&entry);
    }
  }
};

std::string dtypes_text(const inspected_file& f) {
  std::vector<std::string> parts;
  for (const auto& [dtype, count] : f.dtypes) parts.push_back(fmt::format("{} x {}", count, dtype));
  return fmt::format("{}", fmt::join(parts, ", "));
}

void print_model(const inspect::found_model& m) {
  fmt::print("  looks like   {}\n", m.kind);
  if (!m.key.empty()) fmt::print("    under      {}\n", printable(m.key));
  fmt::print("    holds      {} tensors, {} parameters\n", m.tensors, m.parameters);
  for (const auto& [name, size] : m.sizes) fmt::print("    {:<24} {:>10}\n", name, size);
}

void print_tensors(const inspected_file& f) {
  std::size_t width = 6;
  for (const tensor_entry* e : f.shown) width = std::max(width, printable(e->name).size());
  fmt::print("  {:<{}}  {:<8}  {:>14}  shape\n", "tensor", width, "dtype", "bytes");
  for (const tensor_entry* e : f.shown)
    fmt::print("  {:<{}}  {:<8}  {:>14}  {}{}\n", printable(e->name), width, dtype_name(e->dtype),
               e->size_bytes(), checkpoint::shape_text(e->shape),
               e->strides.empty() ? "" : " strides " + checkpoint::shape_text(e->strides));
}

void print_text(const inspected_file& f) {
  fmt::print("{}\n", printable(f.file.path()));
  fmt::print("  format       {}, {} bytes\n", format_name(f.file.format()), f.file.size_bytes());
  fmt::print("  all tensors  {}, {} elements, {} bytes{}{}\n", f.file.entries().size(), f.elements,
             f.tensor_bytes, f.dtypes.empty() ? "" : ": ", dtypes_text(f));
  for (const inspect::found_model& model : f.models) print_model(model);
  if (f.models.empty()) fmt::print("  looks like   no model that is known here\n");
  if (!f.shown.empty()) print_tensors(f);
}

nlohmann::ordered_json to_json(const inspected_file& f) {
  nlohmann::ordered_json models = nlohmann::ordered_json::array(), tensors = models;
  for (const inspect::found_model& m : f.models) {
    nlohmann::ordered_json sizes = nlohmann::ordered_json::object();
    for (const auto& [name, size] : m.sizes) sizes[name] = size;
    models.push_back({{"kind", m.kind},
                      {"key", m.key},
                      {"tensors", m.tensors},
                      {"parameters", m.parameters},
                      {"sizes", sizes}});
  }
  for (const tensor_entry* e : f.shown) {
    tensors.push_back({{"name", e->name},
                       {"dtype", dtype_name(e->dtype)},
                       {"shape", e->shape},
                       {"bytes", e->size_bytes()}});
    if (!e->strides.empty()) tensors.back()["strides"] = e->strides;
  }
  return {{"path", f.file.path()},
          {"format", format_name(f.file.format())},
          {"file_bytes", f.file.size_bytes()},
          {"tensors_in_file", f.file.entries().size()},
          {"elements", f.elements},
          {"tensor_bytes", f.tensor_bytes},
          {"dtypes", f.dtypes},
          {"models", models},
          {"tensors", tensors}};
}

// Every file is opened before a line is printed: a bad one leaves no half of an answer.
void run(const request& r) {
  std::vector<inspected_file> found;
  for (const std::string& path : r.paths) found.emplace_back(path, r);
  if (r.json) {
    nlohmann::ordered_json all = nlohmann::ordered_json::array();
    for (const inspected_file& f : found) all.push_back(to_json(f));
    // Names of tensors may be any bytes.
    fmt::print("{}\n", all.dump(1, ' ', false, nlohmann::json::error_handler_t::replace));
    return;
  }
  for (std::size_t i = 0; i < found.size(); ++i) {
    if (i > 0) fmt::print("\n");
    print_text(found[i]);
  }
}

}  // namespace

int main(int argc, char** argv) {
  request r;
  CLI::App app(
      "Says what weight files hold, without loading them: safetensors, and what torch.save "
      "writes (.pt, .pth).\nNothing in a file is executed.");
  app.add_option("FILE", r.paths, "files, whatever their names")->required();
  app.add_option("--names", r.names, "list only tensors whose names match this shell pattern");
  app.add_flag("--summary", r.summary, "list no tensors");
  app.add_flag("--json", r.json, "print JSON: an array with one object per file");
  app.footer(
      "examples:\n"
      "  inspect_checkpoint longlive_base.pt lora.pt --summary\n"
      "  inspect_checkpoint Wan2.1_VAE.pth --names 'decoder.upsamples.3.*'\n"
      "  inspect_checkpoint model.safetensors --json | jq '.[0].models'\n"
      "exit codes: 0 all files could be read; 2 one could not, nothing is printed then");
  try {
    app.parse(argc, argv);
    run(r);
  } catch (const CLI::CallForHelp& help) {
    return app.exit(help);
  } catch (const std::bad_alloc&) {
    files::complain(program, "not enough memory for the list of tensors");
    return 2;
  } catch (const std::exception& e) {
    files::complain(program, e.what());
    return 2;
  }
  return 0;
}
