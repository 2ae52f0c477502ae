#pragma once
// Windows inside captured graphs, on one device. While a stream captures, the two ends of a window
// become nodes that record events. A launch through here puts fresh events into the nodes, so that
// every replay has times of its own; after any other launch only the last replay's can be read. The
// driver is a parameter, beside what device_events.hpp asks of it:
//
//   struct driver {
//     using graph = ...; using node = ...; using executable = ...;
//     // Makes it one that was never recorded; false, and as it was, when there can be none.
//     bool renew(event&) noexcept;
//     // Makes a node at the end of what `stream` captures, without a handle when it is not known;
//     // false when there can be none.
//     bool record_node(event, stream, captured_node<driver>&) noexcept;
//     bool set_event(executable, node, event) noexcept;
//   };

#include <algorithm>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "device_events.hpp"

namespace latency::detail {

template <class Driver>
struct captured_node {
  typename Driver::graph graph{};
  std::uint64_t capture = 0;  // tells captures into one graph, or with one handle, apart
  typename Driver::node node{};
};

template <class Driver>
class graph_windows {
 public:
  using stream = typename Driver::stream;
  using graph = typename Driver::graph;
  using executable = typename Driver::executable;

 private:
  struct node {
    typename Driver::node handle{};
    std::uint32_t event = no_event;  // that it was captured with; never given back while it may run
  };
  struct window {
    std::uint32_t first;  // nodes
    std::uint32_t last;
    const char* name;
    span_id span;
  };
  struct captured {
    graph handle{};
    std::uint64_t capture = 0;
    std::vector<node> nodes;
    std::vector<window> windows;
    int timings = 0;     // executables that are bound to it
    bool timed = false;  // some replay had events of its own
    bool given_back = false;
  };
  struct binding {
    executable exec{};
    captured* of = nullptr;
    std::vector<std::uint32_t> events;  // in its nodes now; those of the capture are none of these
    std::vector<std::uint32_t> fresh;   // during a launch
  };

 public:
  // A window whose end has not been captured yet.
  struct begun {
    captured* in = nullptr;
    std::uint32_t first = 0;
  };

  graph_windows(Driver driver, device_events<Driver>& events)
      : driver_(std::move(driver)), events_(events) {}

  // Of a stream that captures. What cannot become a node is counted as dropped.
  [[nodiscard]] begun begin(stream on) noexcept {
    const std::lock_guard<std::mutex> lock(mutex_);
    const begun result = add_node(on);
    if (result.in == nullptr) events_.count_dropped(1);
    return result;
  }
  void end(const begun& one, stream on, const char* name, span_id span) noexcept {
    const std::lock_guard<std::mutex> lock(mutex_);
    (void)close(one, on, name, span);
  }
  // Ends a window and begins the next at the same node; none where there can be no node.
  [[nodiscard]] begun next(const begun& one, stream on, const char* name, span_id span) noexcept {
    const std::lock_guard<std::mutex> lock(mutex_);
    return close(one, on, name, span);
  }

  // Launches of `exec`, an instance of `of`, have times of their own from here to unbind(). True
  // when windows of that graph are known.
  [[nodiscard]] bool bind(executable exec, graph of) noexcept {
    const std::lock_guard<std::mutex> lock(mutex_);
    for (auto found = captured_.rbegin(); found != captured_.rend(); ++found) {
      if ((*found)->handle != of || (*found)->given_back) continue;
      try {
        auto made = std::make_unique<binding>();
        made->exec = exec;
        made->of = found->get();
        made->events.assign((*found)->nodes.size(), no_event);
        made->fresh.assign((*found)->nodes.size(), no_event);
        bindings_.push_back(std::move(made));
      } catch (const std::exception&) {
        return false;
      }
      ++(*found)->timings;
      return true;
    }
    return false;
  }
  // The graph is not launched any more: its events are given back when they have been read.
  void unbind(executable exec) noexcept {
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto found = std::find_if(bindings_.begin(), bindings_.end(),
                                    [&](const auto& b) { return b->exec == exec; });
    if (found == bindings_.end()) return;
    for (const std::uint32_t event : (*found)->events)
      if (event != no_event) events_.release(event);
    captured& of = *(*found)->of;
    bindings_.erase(found);
    if (--of.timings > 0) return;
    for (const node& n : of.nodes) events_.release(n.event);
    of.given_back = true;
    of.nodes.clear();
    of.windows.clear();
  }

  // Calls `go`, which launches `exec` on `on` and says whether that went well. One launch of an
  // executable at a time, as CUDA has it.
  template <class Go>
  void launch(executable exec, stream on, span_id span, std::uint64_t replay,
              const Go& go) noexcept {
    binding* const bound = binding_of(exec);
    const begun_window whole = bound == nullptr ? begun_window{} : events_.begin(on);
    if (bound == nullptr || whole.captures) {
      (void)go();
      return;
    }
    const captured& of = *bound->of;
    const bool fresh = renew_events(*bound);
    if (!go()) return give_up(*bound, whole);
    events_.end(whole, on, "graph replay", span, replay);
    // Behind the end of the whole replay: once that is complete, all of these are.
    for (const window& w : of.windows) {
      const std::uint32_t first = bound->fresh[w.first], last = bound->fresh[w.last];
      if (fresh && whole.first != no_event && first != no_event && last != no_event)
        events_.publish(first, last, whole.stream_number, w.name, span, replay);
      else
        events_.count_dropped(1);
    }
  }

  // The last replay of each graph that was never launched through here, as far as it was launched
  // at all. When nothing runs any more.
  void last_replays(collected_events& into) noexcept {
    const std::lock_guard<std::mutex> lock(mutex_);
    for (const auto& one : captured_) {
      if (one->timed) continue;
      for (const window& w : one->windows)
        events_.read_last(one->nodes[w.first].event, one->nodes[w.last].event, w.name, w.span,
                          into);
    }
  }

 private:
  [[nodiscard]] begun add_node(stream on) noexcept {
    captured_node<Driver> made;
    const std::uint32_t event = events_.take();
    if (event == no_event) return {};
    // Whether the graph ran is told by whether the event was recorded, so it must not have been
    // yet.
    if (!driver_.renew(events_.event_at(event)) ||
        !driver_.record_node(events_.event_at(event), on, made)) {
      events_.release(event);
      return {};
    }
    if (made.node == typename Driver::node{}) return {};  // made, but not known: out of use
    try {
      captured& in = graph_of(made);
      in.nodes.push_back({made.node, event});
      return {&in, static_cast<std::uint32_t>(in.nodes.size() - 1)};
    } catch (const std::exception&) {
      return {};  // the graph has a node that records an event of ours: that stays out of use
    }
  }
  // The window's end; where the next one may begin.
  [[nodiscard]] begun close(const begun& one, stream on, const char* name, span_id span) noexcept {
    const begun end = one.in == nullptr ? begun{} : add_node(on);
    if (end.in == nullptr || end.in != one.in) {  // the capture ended before the window
      events_.count_dropped(1);
      return end;
    }
    try {
      end.in->windows.push_back({one.first, end.first, name, span});
    } catch (const std::exception&) {
      events_.count_dropped(1);
    }
    return end;
  }
  [[nodiscard]] captured& graph_of(const captured_node<Driver>& made) {
    for (auto found = captured_.rbegin(); found != captured_.rend(); ++found)
      if ((*found)->handle == made.graph && (*found)->capture == made.capture &&
          !(*found)->given_back)
        return **found;
    captured_.push_back(std::make_unique<captured>());
    captured_.back()->handle = made.graph;
    captured_.back()->capture = made.capture;
    return *captured_.back();
  }

  [[nodiscard]] binding* binding_of(executable exec) noexcept {
    const std::lock_guard<std::mutex> lock(mutex_);
    for (const auto& b : bindings_)
      if (b->exec == exec) return b.get();
    return nullptr;
  }
  // A fresh event for every node, or, when there are not enough, those of the capture for all: what
  // an earlier replay recorded may not have been read. False then.
  [[nodiscard]] bool renew_events(binding& bound) noexcept {
    captured& of = *bound.of;
    bool enough = true;
    for (std::uint32_t& event : bound.fresh) {
      event = enough ? events_.take() : no_event;
      enough = enough && event != no_event;
    }
    if (enough) of.timed = true;
    for (std::size_t i = 0; i < of.nodes.size(); ++i) {
      std::uint32_t& fresh = bound.fresh[i];
      if (!enough && fresh != no_event) events_.release(std::exchange(fresh, no_event));
      const std::uint32_t wanted = enough ? fresh : of.nodes[i].event;
      if (!driver_.set_event(bound.exec, of.nodes[i].handle, events_.event_at(wanted))) {
        if (fresh != no_event) events_.release(std::exchange(fresh, no_event));
        continue;  // it keeps the one that it has
      }
      if (bound.events[i] != no_event) events_.release(bound.events[i]);
      bound.events[i] = enough ? fresh : no_event;
    }
    return enough;
  }
  void give_up(const binding& bound, const begun_window& whole) noexcept {
    events_.give_back(whole);
    events_.count_dropped(bound.of->windows.size() + 1);
  }

  Driver driver_;
  device_events<Driver>& events_;
  std::mutex mutex_;  // not while a launch is made
  std::vector<std::unique_ptr<captured>> captured_;
  std::vector<std::unique_ptr<binding>> bindings_;
};

}  // namespace latency::detail
