# What the tests of agent/ load in place of NVIDIA's management library: one with two GPUs, and one
# in which a function is missing.

if(TARGET agent_test)
  set(source ${CMAKE_SOURCE_DIR}/src/agent/testdata/fake_nvml.cpp)
  add_library(fake_nvml MODULE ${source})
  add_library(fake_nvml_partial MODULE ${source})
  target_compile_definitions(fake_nvml_partial PRIVATE SLUICE_WITHOUT_MEMORY)
  foreach(library fake_nvml fake_nvml_partial)
    target_link_libraries(${library} PRIVATE sluice_options)
  endforeach()
  add_dependencies(agent_test fake_nvml fake_nvml_partial)
  target_compile_definitions(agent_test PRIVATE
    SLUICE_FAKE_NVML_PATH="$<TARGET_FILE:fake_nvml>"
    SLUICE_PARTIAL_NVML_PATH="$<TARGET_FILE:fake_nvml_partial>"
    SLUICE_AGENT_TESTDATA="${CMAKE_SOURCE_DIR}/src/agent/testdata")
endif()
