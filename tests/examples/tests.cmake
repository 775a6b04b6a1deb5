# SPDX-License-Identifier: Apache-2.0
# The minimal programs check what they show and say so.
if(TARGET parse_apply)
  foreach(name parse_apply select_release poll_host custom_policy follow_changes watch agent_host announce_find)
    add_test(NAME example.${name} COMMAND ${name})
    set_tests_properties(example.${name} PROPERTIES TIMEOUT 60 LABELS "unit;example")
  endforeach()
endif()
