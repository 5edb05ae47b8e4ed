-- {{each type}}
select creditgate.adopt_credit_table({{type}}, {{table_schema}}, {{table_name}});
-- {{end}}
