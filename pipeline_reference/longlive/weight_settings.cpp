#include "pipeline_reference/longlive/weight_settings.hpp"

#include <string>

namespace longlive {
namespace {

void read_adapter(config& c, config_mapping& root) {
  if (!root.has("adapter")) {
    root.accept("adapter");
    return;
  }
  config_mapping adapter = root.mapping("adapter");
  c.adapter.present = true;
  c.adapter.type = adapter.choice("type", "lora", {"lora"});
  c.adapter.rank = adapter.integer("rank", 256, 1, 65536);
  c.adapter.alpha = adapter.real("alpha", static_cast<double>(c.adapter.rank), 0, 1e6);
  adapter.real("dropout", 0, 0, 1);
  adapter.choice("dtype", "bfloat16", {"bfloat16", "float16", "float32"});
  adapter.boolean("verbose", false);
  adapter.accept("apply_to_critic");
  adapter.refuse_unknown();
}

// As published, LoRA goes with generator_ckpt; weights of another file stand for the whole model,
// and so do random ones, unless `lora` asks for it.
void read_lora(config& c, config_mapping& own, bool from_generator_ckpt) {
  reference_settings& r = c.reference;
  const bool published = from_generator_ckpt && !c.lora_ckpt.empty() && c.adapter.present;
  const std::string mode =
      own.choice("lora", published ? "merged" : "none", {"none", "merged", "unmerged"});
  r.lora = mode == "none"     ? lora_mode::none
           : mode == "merged" ? lora_mode::merged
                              : lora_mode::unmerged;
  if (r.lora == lora_mode::none) return;
  if (!c.adapter.present) own.fail("lora", "needs adapter: its rank and alpha");
  r.lora_weights = r.weights == "random" ? "random" : c.lora_ckpt;
  if (r.lora_weights.empty()) own.fail("lora", "needs lora_ckpt, a file with the LoRA");
}

void note_unread_checkpoints(config& c, bool lora_is_set) {
  const reference_settings& r = c.reference;
  if (r.weights == "random" && (!c.generator_ckpt.empty() || !c.lora_ckpt.empty())) {
    c.notes.push_back(std::string(c.lora_ckpt.empty()        ? "generator_ckpt is"
                                  : c.generator_ckpt.empty() ? "lora_ckpt is"
                                                             : "generator_ckpt and lora_ckpt are") +
                      " not read: pipeline_reference: weights is random");
    return;
  }
  if (r.lora != lora_mode::none) return;
  if (c.lora_ckpt.empty()) {
    if (c.adapter.present) c.notes.push_back("adapter has no effect: there is no lora_ckpt");
    return;
  }
  c.notes.push_back(std::string("lora_ckpt is not read: ") +
                    (lora_is_set          ? "pipeline_reference: lora is none"
                     : !c.adapter.present ? "there is no adapter"
                                          : "pipeline_reference: weights names a file of its own; "
                                            "lora: merged would apply it"));
}

}  // namespace

void read_weight_settings(config& c, config_mapping& root, config_mapping& own) {
  c.use_ema = root.boolean("use_ema", false);
  c.generator_ckpt = root.text("generator_ckpt", "");
  c.lora_ckpt = root.text("lora_ckpt", "");
  read_adapter(c, root);
  reference_settings& r = c.reference;
  const bool from_generator_ckpt = !own.has("weights") && !c.generator_ckpt.empty();
  r.weights = own.text("weights", from_generator_ckpt ? c.generator_ckpt : "random");
  r.vae_weights = own.text("vae_weights", "random");
  for (const auto& [key, value] :
       {std::pair{"weights", &r.weights}, {"vae_weights", &r.vae_weights}})
    if (value->empty()) own.fail(key, "expects random or a file, found an empty text");
  read_lora(c, own, from_generator_ckpt);
  note_unread_checkpoints(c, own.has("lora"));
}

}  // namespace longlive
