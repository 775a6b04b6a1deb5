# SPDX-License-Identifier: Apache-2.0
mcmp_unit(model test_churn SOURCES unit/model/churn.c)
