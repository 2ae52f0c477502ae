#pragma once
// From what tracing delivers to the session's journal: matched, checked and counted, then kept row
// by row or added up.

#include <chrono>
#include <cstdint>
#include <memory>
#include <utility>

#include "recorder.hpp"
#include "trace_rows.hpp"
#include "trace_totals.hpp"

namespace latency::detail {

// What both have in common. One thread at a time.
class trace_pipeline : public trace_input {
 public:
  void call(const traced_call& one) override { matcher_.call(one); }
  void op(const traced_op& one) override { matcher_.op(one); }
  void sync(const traced_sync& one) override { matcher_.sync(one); }
  void device(std::uint32_t number, const char* name) override { clocks_.device(number, name); }
  void anchor(std::int64_t device_ns, std::uint64_t ticks, std::int64_t uncertainty_ns) override {
    clocks_.anchor(device_ns, ticks, uncertainty_ns);
  }
  void dropped(std::uint64_t ops, std::uint64_t calls) override {
    dropped_ops_ += ops;
    dropped_calls_ += calls;
  }
  [[nodiscard]] std::size_t outstanding() const override { return matcher_.outstanding(); }

  void flush() override {
    recorder_->write_device([this](device_writer& out) {
      write(out, false);
      clocks_.write(out);
      count();
    });
  }
  void finish() override {
    matcher_.finish();
    recorder_->write_device([this](device_writer& out) {
      write(out, true);
      clocks_.write(out);
      clocks_.describe(out);
      count();
    });
  }

 protected:
  trace_pipeline(std::shared_ptr<recorder> to, traced_apis apis, trace_sink& sink, bool syncs,
                 graph_attribution* graphs)
      : recorder_(std::move(to)),
        apis_(std::move(apis)),
        graphs_(graphs),
        matcher_(apis_, sink, syncs) {}
  // Moves what the sink gathered into the journal.
  virtual void write(device_writer& out, bool last) = 0;

  const std::shared_ptr<recorder> recorder_;
  const traced_apis apis_;
  trace_clocks clocks_;

 private:
  void count() {
    recorder_->count(total::dropped_device_ops, std::exchange(dropped_ops_, 0));
    recorder_->count(total::dropped_records, std::exchange(dropped_calls_, 0));
    recorder_->count(total::invalid_device_ops, matcher_.take_invalid_ops());
    recorder_->count(total::unmatched_device_ops, matcher_.take_unmatched_ops());
    recorder_->count(total::unmatched_launches, matcher_.take_unmatched_launches());
    recorder_->count(total::untraced_copies, matcher_.take_untraced_copies());
    if (graphs_ == nullptr || !graphs_->asked()) return;
    recorder_->count(total::changed_graph_nodes, graphs_->take_changed_nodes());
    if (!std::exchange(graphs_described_, true))
      recorder_->describe("graph_attribution", std::string("cupti callbacks"));
  }

  graph_attribution* const graphs_;
  bool graphs_described_ = false;
  trace_matcher matcher_;
  std::uint64_t dropped_ops_ = 0;
  std::uint64_t dropped_calls_ = 0;
};

class keeping_pipeline : public trace_pipeline {
 public:
  // `graphs`: what is known of captures; it outlives the pipeline, and may be null.
  keeping_pipeline(std::shared_ptr<recorder> to, const traced_apis& apis,
                   graph_attribution* graphs = nullptr)
      : trace_pipeline(std::move(to), apis, rows_, true, graphs), rows_(apis_, clocks_, graphs) {}

 private:
  void write(device_writer& out, bool) override { rows_.write(out); }
  trace_rows rows_;
};

class totalling_pipeline : public trace_pipeline {
 public:
  // Paths of `graphs` are in `paths`.
  totalling_pipeline(std::shared_ptr<recorder> to, const traced_apis& apis, path_table& paths,
                     graph_attribution* graphs = nullptr)
      : trace_pipeline(std::move(to), apis, totals_, false, graphs),
        totals_(apis_, clocks_, paths, graphs) {}

 private:
  // Every snapshot stays in the journal until the session ends. The next one comes when the run has
  // become half as long again: a killed run loses a third of its totals, a long one writes few.
  void write(device_writer& out, bool last) override {
    const auto now = std::chrono::steady_clock::now();
    const bool due = !recorder_->output().empty() && now - start_ >= next_;
    if (!last && !due && !recorder_->totals_due()) return;
    if (due) next_ = (now - start_) * 3 / 2;
    totals_.write(out, recorder_->measure_ns_per_tick());
  }

  trace_totals totals_;
  const std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  std::chrono::steady_clock::duration next_ = std::chrono::seconds(10);
};

}  // namespace latency::detail
