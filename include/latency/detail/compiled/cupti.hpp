#pragma once
// How a collector starts and ends: see cupti.hpp.

#include <exception>
#include <memory>

#include "../../cupti.hpp"
#include "../cupti_engine.hpp"
#include "../recorder.hpp"
#include "../trace_pipeline.hpp"
#include "inline.hpp"

namespace latency {
namespace detail {

struct cupti_source : device_source {
  void poll() noexcept override { cupti_engine::instance().wake(); }
  void finish() noexcept override { cupti_engine::instance().stop(); }
};

[[nodiscard]] inline std::unique_ptr<trace_input> make_trace_pipeline(
    const std::shared_ptr<recorder>& to, cupti_engine& engine, bool totals) {
  if (totals)
    return std::make_unique<totalling_pipeline>(to, engine.apis(), engine.paths(), engine.graphs());
  return std::make_unique<keeping_pipeline>(to, engine.apis(), engine.graphs());
}

}  // namespace detail

namespace cupti {

LATENCY_DETAIL_INLINE collector::collector(session& run, const options& wanted) {
  const std::shared_ptr<detail::recorder> recorder = run.recorder();
  if (!recorder->enabled() || recorder->ended()) {
    why_not_ = "the session does not record";
    return;
  }
  detail::cupti_engine& engine = detail::cupti_engine::instance();
  const bool totals = wanted.mode == collector_mode::aggregate;
  const detail::cupti_settings settings{wanted.buffer_bytes, wanted.buffers,      totals, !totals,
                                        wanted.flush_every,  wanted.finish_within};
  try {
    started_ = engine.load(why_not_) &&
               engine.start(recorder, detail::make_trace_pipeline(recorder, engine, totals),
                            settings, why_not_);
  } catch (const std::exception& e) {  // out of memory or threads
    why_not_ = e.what();
  }
  recorder->write_device([&](detail::device_writer&) {
    recorder->tier(started_ ? device_tier::kernels : device_tier::host, why_not_);
  });
  if (!started_) return;
  source_ = std::make_shared<detail::cupti_source>();
  recorder_ = recorder;
  recorder_->add_source(source_);
}

LATENCY_DETAIL_INLINE collector::~collector() {
  if (recorder_ == nullptr) return;
  if (recorder_->of_this_process())
    recorder_->remove_source(source_);
  else
    detail::cupti_engine::instance().abandon_after_fork();
}

}  // namespace cupti
}  // namespace latency
