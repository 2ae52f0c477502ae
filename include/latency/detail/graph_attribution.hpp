#pragma once
// Which spans were open where a node of a CUDA graph was captured, so that what a replay runs can
// be given to them. Fed with what the driver announces of graphs, asked for each op that a replay
// ran.
//
// A node has a number: that of its graph in the upper 32 bits, its own within the graph in the
// lower ones. A launch runs the nodes of an executable graph, which are clones of those captured.
// The driver gives later graphs higher numbers.
//
// A node may hold bodies: a child graph, those of a conditional node. They are cloned just before
// their holder is, as graphs of their own, whose nodes then move into the executable graph: the
// same handles have other numbers at the end. So an op of a body is where its holder was added and,
// below that, where it was captured itself. Where handles do not tell, it gets what all holders of
// its graph have in common, with a reason that says so. Nothing is guessed; every answer but an
// exact one has a reason.
//
// Any thread may call. Memory is bounded: `capacity` nodes, and of graphs that were destroyed the
// newest `most_destroyed` nodes, because records of their ops come later than their end. Asking
// allocates where a node is seen for the first time.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <unordered_map>
#include <utility>
#include <vector>

#include "../device_rows.hpp"
#include "span_paths.hpp"

namespace latency::detail {

class graph_attribution {
 public:
  enum class node_kind : std::uint8_t { plain, child_graph, conditional };

  struct place {
    span_id span = 0;        // innermost open one
    std::int32_t path = -1;  // of all open ones, in the path_table
  };
  struct answer {
    span_id span = 0;
    std::int32_t path = -1;  // below the span that was open where the graph was begun
    capture_reason reason = capture_reason::none;
    bool first_time = false;  // that this node is asked for
  };

  explicit graph_attribution(path_table& paths, std::size_t capacity = std::size_t{1} << 20,
                             std::size_t most_destroyed = std::size_t{1} << 17)
      : paths_(paths), capacity_(capacity), most_destroyed_(most_destroyed) {}

  // Forgets everything; graphs that live on count as built before the start.
  void clear() {
    const std::lock_guard<std::mutex> lock(mutex_);
    graphs_.clear();
    destroyed_.clear();
    threads_.clear();
    kept_ = kept_destroyed_ = 0;
    first_graph_ = UINT32_MAX;
    last_forgotten_ = 0;
    overflowed_ = false;
    changed_nodes_ = 0;
    asked_ = false;
  }
  [[nodiscard]] path_table& paths() noexcept { return paths_; }

  // What the driver announces. `thread` is any number for the calling thread.

  // A stream of the thread begins to capture, inside the open spans `open_path`.
  void capture_began(std::uint64_t thread, std::int32_t open_path) {
    const std::lock_guard<std::mutex> lock(mutex_);
    threads_[thread].capture_path = open_path;
  }
  void graph_created(std::uint64_t thread, std::uint32_t number, std::int32_t open_path) {
    const std::lock_guard<std::mutex> lock(mutex_);
    first_graph_ = std::min(first_graph_, number);
    if (graph* const made = built(number)) made->base = open_path;
    std::vector<std::uint32_t>& unheld = threads_[thread].unheld;
    if (unheld.size() >= most_unheld) unheld.erase(unheld.begin(), unheld.end() - most_unheld / 2);
    unheld.push_back(number);
  }
  // The next node of the graph `number` will be of this kind; unless told, it is plain.
  void node_begun(std::uint32_t number, node_kind kind) {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (graph* const in = built(number)) in->next_kind = kind;
  }
  // A node is captured, or added, where `where` is open.
  void node_created(std::uint64_t thread, std::uint64_t node, const place& where) {
    const std::lock_guard<std::mutex> lock(mutex_);
    graph* const in = built(graph_of(node));
    if (in == nullptr) return;
    if (in->entries.empty() && in->base == unknown_base) {
      const auto capturing = threads_.find(thread);
      in->base = capturing == threads_.end() ? -1 : capturing->second.capture_path;
    }
    const node_kind kind = std::exchange(in->next_kind, node_kind::plain);
    entry* const made = kept_entry(node, *in);
    if (made == nullptr) return;
    *made = {};
    made->where = {where.span, paths_.below(where.path, in->base)};
    made->kind = kind;
    made->known = true;
  }
  // `node`, just created, is a copy of `original`: by cloning a graph, adding it as a child, or
  // making an executable one. `handle` is any number for it that no other has at the same time.
  void node_cloned(std::uint64_t thread, std::uint64_t node, std::uint64_t original,
                   std::uint64_t handle) {
    const std::lock_guard<std::mutex> lock(mutex_);
    first_graph_ = std::min(first_graph_, graph_of(node));
    thread_progress& progress = threads_[thread];
    if (progress.clones.size() < capacity_) progress.clones[handle] = node;
    graph* const in = built(graph_of(node));
    entry* const made = in == nullptr ? nullptr : kept_entry(node, *in);
    if (made == nullptr) return;
    const node_kind kind = made->kind;
    const entry* const from = find_entry(original);
    if (from != nullptr) {
      made->where = from->where;
      made->reason = from->reason;
    } else {
      made->where = {};
      made->reason = why_unknown(original);
    }
    if (kind == node_kind::plain && from != nullptr) made->kind = from->kind;
    // Graphs cloned since this one was begun, and held by none of their own nodes.
    std::vector<std::uint32_t>& unheld = progress.unheld;
    for (; !unheld.empty() && unheld.back() > graph_of(node); unheld.pop_back()) {
      const auto held = graphs_.find(unheld.back());
      if (held != graphs_.end()) held->second.holder = node;
    }
  }
  void node_destroyed(std::uint64_t thread, std::uint64_t handle) {
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto progress = threads_.find(thread);
    if (progress != threads_.end()) progress->second.clones.erase(handle);
  }
  // Its parameters were set, or an executable graph was updated: it stays with its spans.
  void node_changed(std::uint64_t node) {
    const std::lock_guard<std::mutex> lock(mutex_);
    entry* const found = find_entry(node);
    if (found != nullptr && !std::exchange(found->changed, true)) ++changed_nodes_;
  }
  void graph_destroyed(std::uint32_t number) {
    const std::lock_guard<std::mutex> lock(mutex_);
    bury(number);
  }
  // The thread has made the executable graph `number`. number_of(handle, node) says which number a
  // node that was cloned for it has now; false when it cannot be told.
  template <class NumberOf>
  void executable_created(std::uint64_t thread, std::uint32_t number, const NumberOf& number_of) {
    struct move {
      std::uint64_t from, to;
    };
    std::vector<move> moves;
    for (const auto& [handle, node] : take_clones(thread)) {
      move one{node, 0};  // older clones may be gone, and their handles are not asked for
      if (graph_of(node) > number && number_of(handle, one.to) && graph_of(one.to) == number)
        moves.push_back(one);
    }
    const std::lock_guard<std::mutex> lock(mutex_);
    for (const move& one : moves) {
      const entry moved = in_bodies(one.from);
      graph* const in = built(number);
      entry* const made = in == nullptr ? nullptr : kept_entry(one.to, *in);
      if (made != nullptr) *made = moved;
    }
  }

  // Of a node that a replay ran.
  [[nodiscard]] answer find(std::uint64_t node) {
    const std::lock_guard<std::mutex> lock(mutex_);
    asked_ = true;
    entry* found = find_entry(node);
    if (found == nullptr) {
      const entry known = unannounced(node);
      graph* const in = kept_graph(graph_of(node));
      found = in == nullptr ? nullptr : kept_entry(node, *in);
      if (found == nullptr) return {known.where.span, known.where.path, known.reason, false};
      found->where = known.where;
      found->reason = known.reason;
    }
    const bool first_time = !std::exchange(found->asked, true);
    return {found->where.span, found->where.path, found->reason, first_time};
  }

  // Whether any replay was seen.
  [[nodiscard]] bool asked() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return asked_;
  }
  // Nodes that were changed since they were captured; each is counted once, and given once.
  [[nodiscard]] std::uint64_t take_changed_nodes() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return std::exchange(changed_nodes_, 0);
  }
  // What is kept of graphs that live, and of those that were destroyed: their nodes, and one each.
  [[nodiscard]] std::size_t kept_living() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return kept_ - kept_destroyed_;
  }
  [[nodiscard]] std::size_t kept_destroyed() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return kept_destroyed_;
  }

 private:
  static constexpr std::int32_t unknown_base = -2;
  static constexpr std::size_t most_unheld = 4096;

  struct entry {
    place where;  // its path is below the graph's base
    capture_reason reason = capture_reason::none;
    node_kind kind = node_kind::plain;
    bool known = false;  // it is in use
    bool asked = false;
    bool changed = false;
  };
  struct graph {
    std::vector<entry> entries;  // by number within the graph
    std::int32_t base = unknown_base;
    node_kind next_kind = node_kind::plain;
    std::uint64_t holder = 0;  // the node whose body it is; 0: none
    std::uint64_t burial = 0;  // 0: it lives
    [[nodiscard]] std::size_t size() const noexcept { return entries.size() + 1; }
  };
  struct thread_progress {
    std::int32_t capture_path = -1;
    std::vector<std::uint32_t> unheld;  // graphs that it made, in order, and no node holds
    std::unordered_map<std::uint64_t, std::uint64_t> clones;  // by handle, since an executable
  };
  struct grave {
    std::uint32_t number;
    std::uint64_t burial;
  };

  [[nodiscard]] static std::uint32_t graph_of(std::uint64_t node) noexcept {
    return static_cast<std::uint32_t>(node >> 32);
  }
  [[nodiscard]] static std::size_t index_of(std::uint64_t node) noexcept {
    return static_cast<std::uint32_t>(node);
  }

  // A graph that is being built; nullptr when no more can be kept.
  [[nodiscard]] graph* built(std::uint32_t number) {
    graph* const found = kept_graph(number);
    if (found != nullptr && std::exchange(found->burial, 0) != 0) kept_destroyed_ -= found->size();
    return found;
  }
  [[nodiscard]] graph* kept_graph(std::uint32_t number) {
    const auto found = graphs_.find(number);
    if (found != graphs_.end()) return &found->second;
    if (!make_room(1, number)) return nullptr;
    ++kept_;
    return &graphs_[number];
  }
  [[nodiscard]] entry* find_entry(std::uint64_t node) {
    const auto in = graphs_.find(graph_of(node));
    if (in == graphs_.end() || index_of(node) >= in->second.entries.size()) return nullptr;
    entry& found = in->second.entries[index_of(node)];
    return found.known ? &found : nullptr;
  }
  // The node's entry, made where it is new; nullptr when no more can be kept.
  [[nodiscard]] entry* kept_entry(std::uint64_t node, graph& in) {
    const std::size_t wanted = index_of(node) + 1;
    if (wanted > in.entries.size()) {
      const std::size_t more = wanted - in.entries.size();
      if (!make_room(more, graph_of(node))) return nullptr;
      in.entries.resize(wanted);
      kept_ += more;
      if (in.burial != 0) kept_destroyed_ += more;
    }
    in.entries[wanted - 1].known = true;
    return &in.entries[wanted - 1];
  }
  // Forgets destroyed graphs, but for one, to have room.
  [[nodiscard]] bool make_room(std::size_t more, std::uint32_t spared) {
    while (more <= capacity_ && kept_ + more > capacity_ && !destroyed_.empty() &&
           destroyed_.front().number != spared)
      forget_oldest();
    if (kept_ + more <= capacity_) return true;
    overflowed_ = true;
    return false;
  }

  [[nodiscard]] std::unordered_map<std::uint64_t, std::uint64_t> take_clones(std::uint64_t thread) {
    const std::lock_guard<std::mutex> lock(mutex_);
    return std::exchange(threads_[thread].clones, {});
  }
  // Of a node in bodies: below the nodes that hold these.
  [[nodiscard]] entry in_bodies(std::uint64_t node) {
    entry result;
    result.known = true;
    const entry* const own = find_entry(node);
    if (own != nullptr) {
      result.where = own->where;
      result.reason = own->reason;
    } else {
      result.reason = why_unknown(node);
    }
    for (auto in = graphs_.find(graph_of(node)); in != graphs_.end() && in->second.holder != 0;
         in = graphs_.find(graph_of(in->second.holder))) {
      const entry* const holder = find_entry(in->second.holder);
      if (holder == nullptr) {
        if (result.reason == capture_reason::none) result.reason = why_unknown(in->second.holder);
        continue;
      }
      if (result.where.path < 0) result.where.span = holder->where.span;
      result.where.path = paths_.joined(holder->where.path, result.where.path);
      if (result.reason == capture_reason::none) result.reason = holder->reason;
    }
    return result;
  }

  void bury(std::uint32_t number) {
    const auto found = graphs_.find(number);
    if (found == graphs_.end() || found->second.burial != 0) return;
    found->second.burial = ++burials_;
    kept_destroyed_ += found->second.size();
    destroyed_.push_back({number, burials_});
    while (kept_destroyed_ > most_destroyed_) forget_oldest();
  }
  void forget_oldest() {
    const grave oldest = destroyed_.front();
    destroyed_.pop_front();
    const auto found = graphs_.find(oldest.number);
    if (found == graphs_.end() || found->second.burial != oldest.burial) return;  // it was revived
    kept_ -= found->second.size();
    kept_destroyed_ -= found->second.size();
    last_forgotten_ = std::max(last_forgotten_, oldest.number);
    graphs_.erase(found);
  }

  [[nodiscard]] capture_reason why_unknown(std::uint64_t node) const {
    const std::uint32_t number = graph_of(node);
    if (number < first_graph_) return capture_reason::graph_before_start;
    const bool lost = overflowed_ || (graphs_.count(number) == 0 && number <= last_forgotten_);
    return lost ? capture_reason::not_kept : capture_reason::unknown_node;
  }
  // What can be said of a node that was not announced: where those were added that hold bodies.
  [[nodiscard]] entry unannounced(std::uint64_t node) const {
    entry result;
    result.reason = why_unknown(node);
    const auto in = graphs_.find(graph_of(node));
    if (in == graphs_.end()) return result;
    bool any = false, children = false, conditionals = false;
    for (const entry& e : in->second.entries) {
      if (!e.known || e.kind == node_kind::plain) continue;
      (e.kind == node_kind::child_graph ? children : conditionals) = true;
      if (!std::exchange(any, true)) {
        result.where = e.where;
        continue;
      }
      result.where.path = paths_.common(result.where.path, e.where.path);
      if (result.where.span != e.where.span) result.where.span = 0;
    }
    if (any)
      result.reason = !conditionals ? capture_reason::child_graph
                      : !children   ? capture_reason::conditional
                                    : capture_reason::child_or_conditional;
    return result;
  }

  path_table& paths_;
  const std::size_t capacity_;
  const std::size_t most_destroyed_;
  mutable std::mutex mutex_;
  std::unordered_map<std::uint32_t, graph> graphs_;
  std::unordered_map<std::uint64_t, thread_progress> threads_;
  std::deque<grave> destroyed_;  // the oldest first
  std::size_t kept_ = 0;         // nodes, and one for each graph
  std::size_t kept_destroyed_ = 0;
  std::uint64_t burials_ = 0;
  std::uint32_t first_graph_ = UINT32_MAX;  // least number of a graph made since the start
  std::uint32_t last_forgotten_ = 0;        // largest
  bool overflowed_ = false;
  bool asked_ = false;
  std::uint64_t changed_nodes_ = 0;
};

}  // namespace latency::detail
