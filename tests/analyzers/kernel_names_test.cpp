#include "analyzers/analysis/kernel_names.hpp"

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <map>
#include <set>
#include <string>
#include <vector>

using namespace latency;
using latency::analysis::short_kernel_names;

namespace {

std::string alone(std::string_view name) {
  return short_kernel_names({name})[0];
}

const std::string functor_add =
    "void at::native::vectorized_elementwise_kernel<4, at::native::CUDAFunctor_add<float>, "
    "std::array<char*, 3ul> >(int, at::native::CUDAFunctor_add<float>, std::array<char*, 3ul>)";

}  // namespace

TEST_CASE("kernel names: parameter lists, return types and data types go, the code stays") {
  CHECK(alone("scale(float*, float)") == "scale");
  CHECK(alone("(anonymous namespace)::scale(float*)") == "scale");
  CHECK(alone("void (anonymous namespace)::softmax_warp_forward<float, float, float, 1, false, "
              "false>(float*, float const*, int, int, int, bool const*, int, bool)") ==
        "softmax_warp_forward");
  CHECK(alone(functor_add) == "at::vectorized_elementwise_kernel<CUDAFunctor_add>");
  CHECK(alone("void at::native::reduce_kernel<512, 1, at::native::ReduceOp<float, "
              "at::native::MeanOps<float, float, float, float>, unsigned int, float, 4, 4> >("
              "at::native::ReduceOp<float, at::native::MeanOps<float, float, float, float>, "
              "unsigned int, float, 4, 4>)") == "at::reduce_kernel<ReduceOp<MeanOps>>");
  CHECK(alone("std::enable_if<!(false), void>::type internal::gemvx::kernel<int, int, float, 7>("
              "int)") == "internal::gemvx::kernel");
}

TEST_CASE("kernel names: lambdas are named after the function they stand in") {
  CHECK(alone("void at::native::unrolled_elementwise_kernel<at::native::direct_copy_kernel_cuda("
              "at::TensorIteratorBase&)::{lambda()#3}::operator()() const::{lambda()#7}::"
              "operator()() const::{lambda(float)#1}, std::array<char*, 2ul>, 4>(int)") ==
        "at::unrolled_elementwise_kernel<direct_copy_kernel_cuda>");
  // A lambda of a function template only hands on what the template was given.
  CHECK(alone("void at::native::elementwise_kernel<128, 4, at::native::gpu_kernel_impl_nocast<"
              "at::native::CUDAFunctor_add<c10::BFloat16> >(at::TensorIteratorBase&, "
              "at::native::CUDAFunctor_add<c10::BFloat16> const&)::{lambda(int)#1}>(int)") ==
        "at::elementwise_kernel<CUDAFunctor_add>");
}

TEST_CASE("kernel names: libraries stay recognisable, names that are not C++ as they are") {
  CHECK(alone("void cutlass::Kernel<cutlass_80_tensorop_s1688gemm_64x64_32x6_tn_align4>("
              "cutlass_80_tensorop_s1688gemm_64x64_32x6_tn_align4::Params)") ==
        "cutlass::Kernel<cutlass_80_tensorop_s1688gemm_64x64_32x6_tn_align4>");
  CHECK(alone("void cub::CUB_200700_900_NS::DeviceScanInitKernel<cub::CUB_200700_900_NS::"
              "ScanTileState<long, true> >(int)") == "cub::DeviceScanInitKernel<ScanTileState>");
  CHECK(alone("void at_cuda_detail::cub::DeviceScanInitKernel<long>(int)") ==
        "cub::DeviceScanInitKernel");
  for (const char* const name :
       {"nvjet_sm90_tst_192x144_64x5_2x1_v_bz_coopB_bias_TNT", "triton_poi_fused_add_0", "",
        "unbalanced<int", "closed)", "a,b", "operator<(int", "<>", "()"})
    CHECK(alone(name) == name);
}

TEST_CASE("kernel names: look-alikes get the shortest list of arguments that tells them apart") {
  const auto with = [](const std::string& vector, const std::string& type) {
    return "void vectorized<" + vector + ", Add<" + type + ">, std::array<char*, 3ul> >(int, Add<" +
           type + ">)";
  };
  // The data type says more than the vector's width, and is enough.
  CHECK(short_kernel_names({with("4", "float"), with("8", "c10::BFloat16")}) ==
        std::vector<std::string>{"vectorized<Add> [float]", "vectorized<Add> [BFloat16]"});
  CHECK(short_kernel_names({with("4", "float"), with("8", "float"), with("8", "double")}) ==
        std::vector<std::string>{"vectorized<Add> [float,4]", "vectorized<Add> [float,8]",
                                 "vectorized<Add> [double]"});
  CHECK(short_kernel_names({"add(float*)", "add(double*)", "mul(float*)"}) ==
        std::vector<std::string>{"add [float]", "add [double]", "mul"});
  CHECK(short_kernel_names({"k<gelu(int)::{lambda()#1}::operator()() const::{lambda()#4}>(int)",
                            "k<gelu(int)::{lambda()#2}::operator()() const::{lambda()#4}>(int)"}) ==
        std::vector<std::string>{"k<gelu> [#1#4]", "k<gelu> [#2#4]"});
  // How the code was wrapped is said only where nothing else differs.
  const auto wrapped = [](const std::string& wrapper, const std::string& type) {
    return "k<" + wrapper + "<Add<" + type + "> >(int)::{lambda(int)#1}>(int)";
  };
  CHECK(short_kernel_names({wrapped("plain", "float"), wrapped("plain", "double")}) ==
        std::vector<std::string>{"k<Add> [float]", "k<Add> [double]"});
  CHECK(short_kernel_names({wrapped("plain", "float"), wrapped("cast", "float")}) ==
        std::vector<std::string>{"k<Add> [plain]", "k<Add> [cast]"});
  // Where only a namespace differs, the whole names are shown.
  CHECK(short_kernel_names({"a::native::f(int)", "a::f(int)"}) ==
        std::vector<std::string>{"a::native::f(int)", "a::f(int)"});
}

TEST_CASE("kernel names: different names stay different, equal ones equal, whatever they hold") {
  CHECK(rc::check([](const std::vector<std::vector<std::uint8_t>>& words) {
    static const char* const tokens[] = {"f", "g", "::", "<",      ">",      "(",  ")",  ", ",
                                         "{", "}", "#1", "lambda", "float",  "4",  " ",  "&",
                                         "*", "[", "]",  "native", " const", "_Z", "\n", "-"};
    std::vector<std::string> made;
    for (const auto& word : words) {
      std::string name;
      for (const std::uint8_t token : word) name += tokens[token % std::size(tokens)];
      made.push_back(name);
      made.push_back("void a::k<" + name + ">(int)");
    }
    const std::vector<std::string> shortened = short_kernel_names({made.begin(), made.end()});
    std::map<std::string, std::string> name_of;
    for (std::size_t i = 0; i < made.size(); ++i)
      RC_ASSERT(name_of.emplace(shortened[i], made[i]).first->second == made[i]);
    std::map<std::string, std::string> short_of;
    for (std::size_t i = 0; i < made.size(); ++i)
      RC_ASSERT(short_of.emplace(made[i], shortened[i]).first->second == shortened[i]);
  }));
}

TEST_CASE("kernel names: what nests or runs on without end is shown as it is") {
  std::string deep;
  for (int i = 0; i < 100000; ++i) deep += "a<";
  CHECK(alone(deep) == deep);
  deep.clear();
  for (int i = 0; i < 60; ++i) deep += "a<";
  deep += std::string(60, '>');
  CHECK(alone(deep) == deep);
  const std::string longest = "f<" + std::string(20000, 'x') + ">(int)";
  CHECK(alone(longest) == longest);
}

TEST_CASE("kernel names: of a recording, kernels are shortened, copies and memsets are not") {
  recording run;
  device_op op;
  op.name = run.strings.add(functor_add);
  run.device_ops.push_back(op);
  op.kind = device_op_kind::memcpy;
  op.name = run.strings.add("Memcpy DtoH (Device -> Pinned)");
  run.device_ops.push_back(op);
  device_total total;
  total.name = run.strings.add("void scale<float>(float*)");
  run.device_totals.push_back(total);
  const auto names = analysis::device_op_names(run);
  CHECK(names.at(run.device_ops[0].name) == "at::vectorized_elementwise_kernel<CUDAFunctor_add>");
  CHECK(names.at(run.device_ops[1].name) == "Memcpy DtoH (Device -> Pinned)");
  CHECK(names.at(total.name) == "scale");
}
