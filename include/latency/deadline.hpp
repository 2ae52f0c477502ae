#pragma once
// Deadlines of pixel frames at a playout rate: which were late, by how much, and the raw gaps.
//
// Playout starts when the first pixel frame (the lowest index i0) is complete, at t0, and never
// slips: pixel frame i is due at t0 + (i - i0) * period, whatever was late before it.
//
// An offline run generates as fast as it can, but an interactive one must not be far ahead of what
// the viewer sees, or a prompt switch would show late. So a finished pixel frame is handed to a
// queue with room for `lead_pixel_frames` (one block, 12) that are complete and not yet due; while
// it is full the generator waits, and the work that follows starts that much later:
//   ready(i0) = t0
//   ready(i)  = ready(i - 1) + gap(i), and not before due(i - lead_pixel_frames) once that exists
// with gap(i) the recorded time from the completion of the pixel frame before to that of i. Pixel
// frame i is late when ready(i) > due(i). A recording that was never further ahead than the lead is
// left exactly as it was. Time saved beyond the lead is not banked: it cannot hide a later stall.
// Pixel frames are delivered in index order: one that was complete before its predecessor counts as
// complete with it.

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include "latency/error.hpp"
#include "latency/recording.hpp"
#include "latency/saturating.hpp"

namespace latency {

inline constexpr std::int64_t block_pixel_frames = 12;  // 3 latent frames of 4 pixel frames
// 16, 24, 25 and 30 pixel frames per second.
inline constexpr std::array<std::int64_t, 4> playout_periods_ns = {62'500'000, 41'666'667,
                                                                   40'000'000, 33'333'333};

struct pixel_frame_deadline {
  std::int32_t index = 0;
  std::int32_t block = 0;
  std::int64_t complete_ns = 0;  // as recorded
  std::int64_t ready_ns = 0;     // under the playout model
  std::int64_t due_ns = 0;
  std::int64_t lateness_ns = 0;  // ready - due; on time when <= 0
};

struct deadline_report {
  std::int64_t period_ns = 0;
  std::int64_t lead_pixel_frames = 0;
  std::int64_t expected = 0;  // last index - first index + 1
  std::int64_t missing = 0;   // expected, but never complete
  std::int64_t repeated = 0;  // rows with an index seen before; the earliest counts
  std::int64_t late = 0;      // complete, but after it was due
  double hit_rate = 0;        // (expected - missing - late) / expected; 0 for no pixel frames
  std::int64_t worst_lateness_ns = 0;  // 0 when none was late
  std::int32_t worst_pixel_frame = 0;  // its index, when one was late
  std::int64_t held_ns = 0;            // how long the model made the generator wait, in all
  std::vector<pixel_frame_deadline> pixel_frames;  // in index order, without missing and repeated
};

namespace detail {

// By index, each once (its earliest completion), with absurd times held at the limit.
inline std::vector<pixel_frame> in_playout_order(std::vector<pixel_frame> pixel_frames) {
  for (pixel_frame& p : pixel_frames) p.complete_ns = clamp_time(p.complete_ns);
  std::sort(pixel_frames.begin(), pixel_frames.end(),
            [](const pixel_frame& a, const pixel_frame& b) {
              return a.index != b.index ? a.index < b.index : a.complete_ns < b.complete_ns;
            });
  pixel_frames.erase(
      std::unique(pixel_frames.begin(), pixel_frames.end(),
                  [](const pixel_frame& a, const pixel_frame& b) { return a.index == b.index; }),
      pixel_frames.end());
  return pixel_frames;
}

}  // namespace detail

// The model, one pixel frame at a time, in index order. The first one starts the playout. Throws
// latency::error unless 0 < period_ns <= 1 h and lead_pixel_frames >= 1.
class playout {
 public:
  explicit playout(std::int64_t period_ns, std::int64_t lead_pixel_frames = block_pixel_frames)
      : period_ns_(period_ns), lead_pixel_frames_(lead_pixel_frames) {
    constexpr std::int64_t one_hour_ns = 3'600'000'000'000;
    if (period_ns <= 0 || period_ns > one_hour_ns)
      throw error("", "deadline", "the period must be positive and at most an hour");
    if (lead_pixel_frames < 1)
      throw error("", "deadline", "the lead must be at least 1 pixel frame");
  }

  // Whose index is larger than that of the one before.
  [[nodiscard]] pixel_frame_deadline next(const pixel_frame& p) noexcept {
    if (!begun_) {
      begun_ = true;
      first_ = p.index;
      start_ns_ = ready_ns_ = delivered_ns_ = p.complete_ns;
    }
    const std::int64_t position = p.index - first_;
    const std::int64_t complete_ns = std::max(delivered_ns_, p.complete_ns);
    ready_ns_ = saturating_add(ready_ns_, complete_ns - delivered_ns_);
    delivered_ns_ = complete_ns;
    if (position >= lead_pixel_frames_) {
      const std::int64_t room_ns = due_ns(position - lead_pixel_frames_);
      held_ns_ = saturating_add(held_ns_, std::max<std::int64_t>(0, room_ns - ready_ns_));
      ready_ns_ = std::max(ready_ns_, room_ns);
    }
    pixel_frame_deadline row;
    row.index = p.index;
    row.block = p.block;
    row.complete_ns = p.complete_ns;
    row.ready_ns = ready_ns_;
    row.due_ns = due_ns(position);
    row.lateness_ns = saturating_add(ready_ns_, -row.due_ns);
    return row;
  }
  // How long the generator was made to wait.
  [[nodiscard]] std::int64_t held_ns() const noexcept { return held_ns_; }

 private:
  // Indices span less than 2^32 and periods are below 2^42, so a product may reach the limits.
  [[nodiscard]] std::int64_t due_ns(std::int64_t position) const noexcept {
    return position > time_limit_ns / period_ns_ ? saturating_add(start_ns_, time_limit_ns)
                                                 : saturating_add(start_ns_, position * period_ns_);
  }

  std::int64_t period_ns_;
  std::int64_t lead_pixel_frames_;
  bool begun_ = false;
  std::int64_t first_ = 0;
  std::int64_t start_ns_ = 0;
  std::int64_t ready_ns_ = 0;
  std::int64_t delivered_ns_ = 0;  // as recorded, in index order
  std::int64_t held_ns_ = 0;
};

// Rows in any order. Throws latency::error as playout does. O(n log n).
inline deadline_report check_deadlines(const std::vector<pixel_frame>& pixel_frames,
                                       std::int64_t period_ns,
                                       std::int64_t lead_pixel_frames = block_pixel_frames) {
  playout model(period_ns, lead_pixel_frames);
  deadline_report report;
  report.period_ns = period_ns;
  report.lead_pixel_frames = lead_pixel_frames;
  const std::vector<pixel_frame> ordered = detail::in_playout_order(pixel_frames);
  if (ordered.empty()) return report;

  const std::int64_t first = ordered.front().index;
  const auto present = static_cast<std::int64_t>(ordered.size());
  report.expected = ordered.back().index - first + 1;
  report.missing = report.expected - present;
  report.repeated = static_cast<std::int64_t>(pixel_frames.size()) - present;
  for (const pixel_frame& p : ordered) {
    const pixel_frame_deadline row = model.next(p);
    if (row.lateness_ns > 0) ++report.late;
    if (row.lateness_ns > report.worst_lateness_ns) {
      report.worst_lateness_ns = row.lateness_ns;
      report.worst_pixel_frame = row.index;
    }
    report.pixel_frames.push_back(row);
  }
  report.held_ns = model.held_ns();
  report.hit_rate =
      static_cast<double>(present - report.late) / static_cast<double>(report.expected);
  return report;
}

// One report for each of playout_periods_ns.
inline std::vector<deadline_report> check_playout_deadlines(
    const std::vector<pixel_frame>& pixel_frames,
    std::int64_t lead_pixel_frames = block_pixel_frames) {
  std::vector<deadline_report> reports;
  for (const std::int64_t period_ns : playout_periods_ns)
    reports.push_back(check_deadlines(pixel_frames, period_ns, lead_pixel_frames));
  return reports;
}

// Raw gaps: from each pixel frame's completion to that of the next present one, in index order, as
// recorded (no playout model; negative when a later pixel frame was complete first).
inline std::vector<std::int64_t> completion_gaps_ns(const std::vector<pixel_frame>& pixel_frames) {
  const std::vector<pixel_frame> ordered = detail::in_playout_order(pixel_frames);
  std::vector<std::int64_t> gaps_ns;
  for (std::size_t i = 1; i < ordered.size(); ++i)
    gaps_ns.push_back(ordered[i].complete_ns - ordered[i - 1].complete_ns);
  return gaps_ns;
}

}  // namespace latency
