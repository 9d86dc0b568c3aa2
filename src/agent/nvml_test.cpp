#include "agent/nvml.hpp"

#include <gtest/gtest.h>

#include <cstdlib>

namespace sluice::agent {
namespace {

class NvmlTest : public testing::Test {
 protected:
  void TearDown() override { unsetenv("SLUICE_FAKE_NVML"); }
  static void go_wrong(const char* how) { setenv("SLUICE_FAKE_NVML", how, 1); }
  static std::unique_ptr<Nvml> load() {
    auto nvml = Nvml::load(SLUICE_FAKE_NVML_PATH);
    EXPECT_TRUE(nvml.has_value()) << (nvml ? "" : nvml.error().message);
    return nvml ? std::move(*nvml) : nullptr;
  }
};

TEST_F(NvmlTest, TellsNamesAndMemory) {
  const auto reading = load()->read(GpuChoice::all());
  ASSERT_TRUE(reading.has_value());
  EXPECT_EQ(reading->problem, "");
  ASSERT_EQ(reading->gpus.size(), 2U);
  EXPECT_EQ(reading->gpus[0].name, "NVIDIA H100 80GB HBM3");
  EXPECT_EQ(reading->gpus[0].total_bytes, 85'520'809'984);
  EXPECT_EQ(reading->gpus[0].free_bytes, 8'552'080'998);
  EXPECT_EQ(reading->gpus[1].name, "NVIDIA L40S");
}

TEST_F(NvmlTest, TellsOnlyOfTheGpusThatWereChosen) {
  const auto nvml = load();
  EXPECT_EQ(nvml->read(GpuChoice::of("1"))->gpus.at(0).name, "NVIDIA L40S");
  EXPECT_EQ(nvml->read(GpuChoice::of("GPU-1111"))->gpus.at(0).name, "NVIDIA H100 80GB HBM3");
  EXPECT_EQ(nvml->read(GpuChoice::of(" 0 , 1 "))->gpus.size(), 2U);
  EXPECT_EQ(nvml->read(GpuChoice::of("all"))->gpus.size(), 2U);
  EXPECT_TRUE(nvml->read(GpuChoice::of("none"))->gpus.empty());
  EXPECT_TRUE(nvml->read(GpuChoice::of(""))->gpus.empty());
  EXPECT_TRUE(nvml->read(GpuChoice::of("7"))->gpus.empty());
  // As CUDA does it, what comes after is not seen either.
  EXPECT_EQ(nvml->read(GpuChoice::of("0,-1,1"))->gpus.size(), 1U);
}

TEST_F(NvmlTest, TellsOfTheOthersWhenOneGpuIsLost) {
  go_wrong("lost");
  const auto reading = load()->read(GpuChoice::all());
  ASSERT_TRUE(reading.has_value());
  EXPECT_EQ(reading->gpus.size(), 1U);
  EXPECT_EQ(reading->problem, "GPU 1: GPU is lost");
}

TEST_F(NvmlTest, SaysWhatIsMissing) {
  EXPECT_EQ(Nvml::load("libthere-is-none.so.1").error().code, ErrorCode::kNotFound);

  const auto partial = Nvml::load(SLUICE_PARTIAL_NVML_PATH);
  ASSERT_FALSE(partial.has_value());
  EXPECT_EQ(partial.error().code, ErrorCode::kIo);
  EXPECT_TRUE(partial.error().message.ends_with("has no nvmlDeviceGetMemoryInfo"))
      << partial.error().message;

  go_wrong("no driver");
  const auto dead = Nvml::load(SLUICE_FAKE_NVML_PATH);
  ASSERT_FALSE(dead.has_value());
  EXPECT_TRUE(dead.error().message.ends_with("does not start: Driver Not Loaded"))
      << dead.error().message;

  go_wrong("no count");
  const auto reading = load()->read(GpuChoice::all());
  ASSERT_FALSE(reading.has_value());
  EXPECT_EQ(reading.error().message, "GPUs cannot be counted: Unknown Error");
}

}  // namespace
}  // namespace sluice::agent
