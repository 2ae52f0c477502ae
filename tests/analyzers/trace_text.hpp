#pragma once
// Small traces of PyTorch's profiler, made by hand. Times are texts, in microseconds.

#include <string>
#include <vector>

namespace latency_test {

struct traced_interval {
  std::string category, name, start, duration;
  std::string arguments = "";  // members of "args"
  std::string process = "10";
  std::string thread = "11";
};

[[nodiscard]] inline std::string to_json(const traced_interval& i) {
  return R"({"ph": "X", "cat": ")" + i.category + R"(", "name": ")" + i.name + R"(", "pid": )" +
         i.process + R"(, "tid": )" + i.thread + R"(, "ts": )" + i.start + R"(, "dur": )" +
         i.duration + R"(, "args": {)" + i.arguments + "}}";
}

[[nodiscard]] inline traced_interval annotation(const std::string& name, const std::string& start,
                                                const std::string& duration) {
  return {"user_annotation", name, start, duration};
}

[[nodiscard]] inline traced_interval call(const std::string& name, const std::string& start,
                                          const std::string& duration,
                                          const std::string& correlation) {
  return {"cuda_runtime", name, start, duration, R"("correlation": )" + correlation};
}

// On device 0, stream 7.
[[nodiscard]] inline traced_interval device_op(const std::string& category, const std::string& name,
                                               const std::string& start,
                                               const std::string& duration,
                                               const std::string& correlation,
                                               const std::string& more = "") {
  return {category,
          name,
          start,
          duration,
          R"("device": 0, "stream": 7, "correlation": )" + correlation +
              (more.empty() ? "" : ", " + more),
          "0",
          "7"};
}

[[nodiscard]] inline std::string trace_of(const std::vector<traced_interval>& intervals,
                                          const std::string& members = "") {
  std::string events;
  for (const traced_interval& i : intervals) events += (events.empty() ? "" : ",\n") + to_json(i);
  return "{" + members + (members.empty() ? "" : ", ") + "\"traceEvents\": [" + events + "]}";
}

}  // namespace latency_test
